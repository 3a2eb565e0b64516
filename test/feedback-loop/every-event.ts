import type { EventBus } from "../../src/foundation/events.ts";

export const principal = { kind: "agent" as const, name: "test" };

/** Tells each event that metrics are made from; returns the mean that each metric has to have. */
export function everyEvent(events: EventBus): Record<string, number> {
  aboutQuestions(events);
  aboutDocuments(events);
  aboutChanges(events);
  aboutRuns(events);
  const used = { backend: "b", model: "m", purpose: "p", tokensIn: 30, tokensOut: 12 };
  events.emit("llm.called", { ...used, ok: true, ms: 40 });
  events.emit("llm.called", { ...used, ok: false, code: "llm_timeout", ms: 50 });
  events.emit("tool.called", { tool: "doc_read", ok: false, code: "unknown_document", ms: 2, principal });
  events.emit("cycle.finished", { cycleId: "c-1", problems: 0, proposals: 0, ms: 77, modelMs: 5 });
  return {
    // 10 from the cache, 20 from documents, 60 from a person, 30 from a similar question.
    "question.time_to_answer": 30,
    "question.cache_hit": 2 / 4,
    "question.unanswered": 1 / 4,
    "question.repeated": 1 / 4,
    "question.expired": 1 / 4,
    "question.documents_answered": 1 / 3,
    "answer.judged_wrong": 2 / 4,
    "answer.useful": 1 / 4,
    "answer.false_hit": 1 / 2,
    "document.update_time": 12,
    "document.refused": 2 / 3,
    "document.conflict": 1 / 3,
    "change.findings_new": 1,
    "change.findings_standing": 3,
    "change.invalid": 1,
    "change.validation_time": 33,
    "change.time_in_stage": 500,
    "change.merge_conflicts": 2,
    "archive.time": 44,
    "archive.refused": 1 / 2,
    "archive.texts_saved": 6,
    "run.failure": 1 / 2,
    "run.time": 900,
    "run.tokens": 70,
    "run.cost": 0.25,
    "node.failure": 1 / 2,
    "node.retry": 1 / 3,
    "node.time": 80,
    "llm.time": 40,
    "llm.failure": 1 / 2,
    "llm.tokens": 42,
    "tool.failure": 1,
    "tool.time": 2,
    "cycle.time": 77,
  };
}

function aboutQuestions(events: EventBus): void {
  const ask = (questionId: string) => events.emit("question.asked", { questionId, kind: "fact", principal, text: "?" });
  const answer = (questionId: string, route: string, ms: number) =>
    events.emit("question.answered", { questionId, route, cached: route === "cache", ms, principal });
  ask("q-1");
  answer("q-1", "documents", 20);
  ask("q-1");
  answer("q-1", "cache", 10);
  ask("q-2");
  events.emit("question.left_pending", { questionId: "q-2", text: "?", ms: 5 });
  answer("q-2", "person", 60);
  ask("q-3");
  answer("q-3", "similar", 30);
  events.emit("question.expired", { questionId: "q-4" });
  const judge = (verdict: "useful" | "wrong" | "outdated", route: string) =>
    events.emit("answer.judged", { questionId: "q-1", answerId: "a-1", verdict, principal, route });
  judge("wrong", "documents");
  judge("wrong", "similar");
  judge("useful", "similar");
  judge("outdated", "person");
}

function aboutDocuments(events: EventBus): void {
  events.emit("document.updated", { path: "a.md", revision: "r", commit: "c0ffee", edits: 1, ms: 12, principal });
  events.emit("document.refused", { path: "a.md", code: "stale_revision", principal });
  events.emit("document.refused", { path: "a.md", code: "path_protected", principal });
}

function aboutChanges(events: EventBus): void {
  const change = { changeId: "add-a", root: "openspec" };
  const added = [{ severity: "error" as const, code: "x", message: "m" }];
  events.emit("change.findings_changed", { ...change, added, resolved: [], standing: 3 });
  events.emit("change.validated", { ...change, valid: false, version: "1", errors: 1, warnings: 0, ms: 33 });
  events.emit("change.state_changed", { ...change, from: null, to: "planning", at: 1000 });
  events.emit("change.state_changed", { ...change, from: "planning", to: "planned", at: 1500 });
  events.emit("change.merged", { ...change, merged: 3, conflicts: 2, principal });
  events.emit("change.archived", { ...change, archivedAs: "a", commit: null, savedTexts: 6, ms: 44, principal });
  events.emit("change.archive_refused", { ...change, code: "invalid_change", principal });
}

function aboutRuns(events: EventBus): void {
  const run = { runId: "r-1", workflow: "notes", ms: 9000, workMs: 900, usd: 0.25, tokensIn: 50, tokensOut: 20 };
  events.emit("run.ended", { ...run, state: "succeeded" });
  events.emit("run.ended", { ...run, state: "failed" });
  events.emit("run.ended", { ...run, state: "cancelled" });
  const node = { runId: "r-1", workflow: "notes", key: "draft", type: "llm", attempt: 1 };
  const spent = { retries: 0, ms: 80, usd: null, tokensIn: 1, tokensOut: 1 };
  events.emit("node.ended", { ...node, ...spent, retries: 2, ok: true });
  events.emit("node.ended", { ...node, ...spent, ok: false, failure: "timeout" });
  // Cancelled with its run: neither good nor bad.
  events.emit("node.ended", { ...node, ...spent, ok: false });
}
