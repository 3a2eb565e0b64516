import type { EventBus, EventMap, EventName } from "../foundation/events.ts";
import { sha256, canonicalJson } from "../foundation/hash.ts";
import { principalLabel } from "../foundation/principal.ts";
import type { Effect } from "../foundation/tool.ts";
import type { AuditEntry } from "./audit.ts";
import { isRefusal } from "./gate.ts";
import type { Refusals } from "./refusals.ts";

/**
 * How a call of a tool is recorded: a mere read not at all; what only adds after its caller was answered, because it
 * decides nothing, and so what has its decision told by an entry of its own; everything else before.
 */
export type Weight = "none" | "after" | "before";

/** A tool that is not known is no mere read. */
export function weightOf(
  tool: { effect: Effect; personOnly?: boolean | undefined; tellsItself?: boolean | undefined } | undefined,
): Weight {
  if (tool?.effect === "read") return "none";
  if (tool?.personOnly) return "before";
  return tool?.tellsItself || tool?.effect === "add" ? "after" : "before";
}

type Entry = Omit<AuditEntry, "action">;
type Row<Name extends EventName> = (payload: EventMap[Name]) => Entry | null;

const SYSTEM = "system:specloop";

/** What of each audited event is recorded: ids and hashes, never content. Null for an event that is not worth an entry. */
const AUDITED: { [Name in EventName]?: Row<Name> } = {
  "question.answered": ({ questionId, route, principal }) =>
    principal.kind === "person" ? { actor: principalLabel(principal), target: questionId, detail: { route } } : null,
  "answer.judged": ({ questionId, answerId, verdict, principal }) => {
    return { actor: principalLabel(principal), target: questionId, detail: { answerId, verdict } };
  },
  "question.escalated": ({ questionId, to, step }) => {
    return { actor: SYSTEM, target: questionId, detail: { to, step } };
  },
  "document.updated": ({ path, revision, commit, principal }) => {
    return { actor: principalLabel(principal), target: path, detail: { revision, commit } };
  },
  "document.proposed": ({ path, branch, commit, principal }) => {
    return { actor: principalLabel(principal), target: path, detail: { branch, commit } };
  },
  "document.refused": ({ path, code, principal }) => {
    return { actor: principalLabel(principal), target: path, detail: { code } };
  },
  "change.merged": ({ changeId, root, merged, conflicts, principal }) => {
    return { actor: principalLabel(principal), target: changeId, detail: { root, merged, conflicts } };
  },
  "change.archived": ({ changeId, archivedAs, commit, savedTexts, principal }) => {
    return { actor: principalLabel(principal), target: changeId, detail: { archivedAs, commit, savedTexts } };
  },
  "change.archive_refused": ({ changeId, code, principal }) => {
    return { actor: principalLabel(principal), target: changeId, detail: { code } };
  },
  "proposal.created": ({ proposalId, changeId, branch, commit }) => {
    return { actor: SYSTEM, target: proposalId, detail: { changeId, branch, commit } };
  },
  "proposal.approved": ({ proposalId, changeId, by, commit }) => {
    return { actor: `person:${by}`, target: proposalId, detail: { changeId, commit } };
  },
  "proposal.closed": ({ proposalId, changeId, reason }) => {
    return { actor: SYSTEM, target: proposalId, detail: { changeId, reason } };
  },
  "experiment.decided": ({ experimentId, proposalId, changeId, verdict, commit }) => {
    return { actor: SYSTEM, target: experimentId, detail: { proposalId, changeId, verdict, commit } };
  },
  "server.approved": ({ server, hash, by }) => {
    return { actor: by, target: server, detail: { hash } };
  },
  "workflow.approved": ({ workflow, hash, by }) => {
    return { actor: by, target: workflow, detail: { hash } };
  },
  "server.tool_changed": ({ server, tool }) => {
    return { actor: SYSTEM, target: `${server}.${tool}`, detail: {} };
  },
  "server.tool_called": ({ server, tool, ok, code, principal }) => {
    return { actor: principalLabel(principal), target: `${server}.${tool}`, detail: { ok, code: code ?? null } };
  },
  "setting.changed": ({ key, from, to }) => {
    return { actor: SYSTEM, target: key, detail: { from: shown(from), to: shown(to) } };
  },
};

/**
 * Hands an entry to `append` for every event worth auditing, and for every call of a tool that is not a mere read.
 * Refused attempts go through `refusals`, which keeps a flood of them small.
 */
export function auditedEvents(
  events: EventBus,
  weigh: (tool: string) => Weight,
  { append, refusals }: { append: (entry: AuditEntry, weight: Weight) => void; refusals: Refusals },
): Disposable {
  return events.onAny((name, payload) => {
    if (name === "access.refused") return refusals.take(payload as EventMap["access.refused"]);
    if (name === "document.refused" && isRefusal((payload as EventMap["document.refused"]).code)) {
      const { path, code, principal } = payload as EventMap["document.refused"];
      return refusals.take({ principal, code, what: path });
    }
    if (name === "tool.called") return toolCalled(payload as EventMap["tool.called"], weigh, append);
    const entry = row(name, payload);
    if (entry) append({ action: name, ...entry }, "before");
  });
}

function row(name: EventName, payload: unknown): Entry | null {
  const make = AUDITED[name] as ((payload: unknown) => Entry | null) | undefined;
  return make?.(payload) ?? null;
}

/** A call that was refused has its entry as `access.refused`; one that changed nothing, such as a cached answer, has none. */
function toolCalled(
  { tool, ok, code, changed, principal }: EventMap["tool.called"],
  weigh: (tool: string) => Weight,
  append: (entry: AuditEntry, weight: Weight) => void,
): void {
  const weight = weigh(tool);
  if (weight === "none" || changed === false || (code !== undefined && isRefusal(code))) return;
  const detail = { ok, code: code ?? null };
  append({ actor: principalLabel(principal), action: "tool.called", target: tool, detail }, weight);
}

/** A number or switch is shown; anything else might hold a secret and is shown as its hash. */
function shown(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" || typeof value === "boolean") return value;
  return `sha256:${sha256(canonicalJson(value))}`;
}
