import type { EventBus, EventMap, EventName } from "../foundation/events.ts";
import { sha256, canonicalJson } from "../foundation/hash.ts";
import { principalLabel } from "../foundation/principal.ts";
import type { AuditEntry } from "./audit.ts";

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
  "document.updated": ({ path, revision, commit, principal }) => {
    return { actor: principalLabel(principal), target: path, detail: { revision, commit } };
  },
  "document.proposed": ({ path, branch, commit, principal }) => {
    return { actor: principalLabel(principal), target: path, detail: { branch, commit } };
  },
  "document.refused": ({ path, code, principal }) => {
    return { actor: principalLabel(principal), target: path, detail: { code } };
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
  "setting.changed": ({ key, from, to }) => {
    return { actor: SYSTEM, target: key, detail: { from: shown(from), to: shown(to) } };
  },
};

/** Hands an entry to `append` for every event worth auditing, and for every call of a tool that is not a mere read. */
export function auditedEvents(
  events: EventBus,
  isRead: (tool: string) => boolean,
  append: (entry: AuditEntry) => void,
): Disposable {
  return events.onAny((name, payload) => {
    const entry = name === "tool.called" ? toolCall(payload as EventMap["tool.called"], isRead) : row(name, payload);
    if (entry) append({ action: name, ...entry });
  });
}

function row(name: EventName, payload: unknown): Entry | null {
  const make = AUDITED[name] as ((payload: unknown) => Entry | null) | undefined;
  return make?.(payload) ?? null;
}

function toolCall(
  { tool, ok, code, principal }: EventMap["tool.called"],
  isRead: (tool: string) => boolean,
): Entry | null {
  if (isRead(tool)) return null;
  return { actor: principalLabel(principal), target: tool, detail: { ok, code: code ?? null } };
}

/** A number or switch is shown; anything else might hold a secret and is shown as its hash. */
function shown(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" || typeof value === "boolean") return value;
  return `sha256:${sha256(canonicalJson(value))}`;
}
