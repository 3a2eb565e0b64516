import type { Diagnostic } from "../../foundation/errors.ts";
import type { EventMap } from "../../foundation/events.ts";
import type { Difference } from "../compare.ts";
import type { BaseState, RootState } from "../state.ts";

const SHOWN_LINES = 3;
const SHOWN_CHARACTERS = 160;

/** What a person or an agent is told about bases that are not current. */
export function baseFindings(change: string, bases: BaseState[]): Diagnostic[] {
  return bases.flatMap((state) => {
    const { path, line, status } = state;
    const target = `${path}:${line}`;
    if (status === "moved") return [{ ...moved(state), code: "base_moved", target, fix: mergeFix(change) }];
    if (status === "unknown")
      return [{ ...unknown(state), code: "base_unknown", target, fix: unknownFix(change, state) }];
    // A target that is simply gone has a finding of its own.
    if (status !== "gone" || state.renamedTo === null) return [];
    return [{ ...renamed(state), code: "base_moved", target, fix: mergeFix(change) }];
  });
}

/** The bases of which this look says for the first time that they moved. */
export function movedBases(differences: Difference[], state: RootState): EventMap["change.base_moved"][] {
  return differences.flatMap(({ id, added }) => {
    const told = new Set(added.filter(({ code }) => code === "base_moved").map(({ target }) => target));
    const bases = state.changes.get(id)?.bases ?? [];
    return bases
      .filter(({ status, path, line }) => (status === "moved" || status === "gone") && told.has(`${path}:${line}`))
      .map(({ capability, requirement }) => ({ changeId: id, root: state.root, capability, requirement }));
  });
}

type Said = Pick<Diagnostic, "severity" | "message">;

function moved({ operation, requirement, capability, came, went, drops, returns }: BaseState): Said {
  const counts = `${lines(came.length)} came, ${went.length} went`;
  const losses = [
    ...(drops.length > 0 ? [`Archiving it would drop ${quoted(drops)}`] : []),
    ...(returns.length > 0 ? [`${drops.length > 0 ? "and" : "Archiving it would"} bring back ${quoted(returns)}`] : []),
  ];
  const order = losses.length > 0 ? losses.join(" ") : "The same lines stand in another order";
  return {
    severity: drops.length > 0 ? "error" : "warning",
    message: `${operation} "${requirement}": ${capability} says something else than when this was written (${counts}). ${order}.`,
  };
}

function unknown({ operation, requirement, drops }: BaseState): Said {
  return {
    severity: "warning",
    message: `${operation} "${requirement}": git does not know which text this was written against. Archiving it would drop ${quoted(drops)}.`,
  };
}

function renamed({ operation, requirement, capability, renamedTo }: BaseState): Said {
  return {
    severity: "error",
    message: `${operation} "${requirement}": ${capability} calls it "${renamedTo}" now.`,
  };
}

function mergeFix(change: string): string {
  return `Call change_merge with the id ${change}: it brings the delta up to the spec, or shows what a person has to decide.`;
}

function unknownFix(change: string, { requirement }: BaseState): string {
  return `In a shallow clone fetch the history (git fetch --unshallow); else compare the two, and have a person run \`specloop change merge ${change} --resolved "${requirement}"\`.`;
}

function quoted(lines: string[]): string {
  const shown = lines.slice(0, SHOWN_LINES).map((line) => `"${cut(line)}"`);
  const more = lines.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function cut(line: string): string {
  const characters = Array.from(line.trim());
  return characters.length <= SHOWN_CHARACTERS
    ? characters.join("")
    : `${characters.slice(0, SHOWN_CHARACTERS - 1).join("")}…`;
}

function lines(count: number): string {
  return count === 1 ? "1 line" : `${count} lines`;
}
