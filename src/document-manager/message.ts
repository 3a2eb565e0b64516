import { principalLabel, type Principal } from "../foundation/principal.ts";
import type { Origin } from "./types.ts";

const MAX_SUBJECT = 72;

/** Commit message from a reason: its first line as subject, all of it as body where it is longer. */
export function messageFrom(reason: string): string {
  const text = reason
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/[^\P{Cc}\n]/gu, " ")
    .trim();
  const [first = ""] = text.split("\n");
  if (text.length <= MAX_SUBJECT && text === first) return text;
  const subject = first.length <= MAX_SUBJECT ? first : `${first.slice(0, MAX_SUBJECT - 1).trimEnd()}…`;
  return `${subject}\n\n${text}`;
}

/** `Specloop-*` trailers: how history tells who asked for an edit, why, and what it belongs to. */
export function trailersFor(edit: {
  id: string;
  principal: Principal;
  reason: string;
  origin?: Origin | undefined;
}): Record<string, string> {
  const { change, question, cycle, proposal, run } = edit.origin ?? {};
  const all = {
    "Specloop-Edit": edit.id,
    "Specloop-Principal": principalLabel(edit.principal),
    "Specloop-Reason": edit.reason,
    "Specloop-Change": change,
    "Specloop-Question": question,
    "Specloop-Cycle": cycle,
    "Specloop-Proposal": proposal,
    "Specloop-Run": run,
  };
  const filled = Object.entries(all).flatMap(([name, value]) =>
    value?.trim() ? [[name, oneLine(value)] as const] : [],
  );
  return Object.fromEntries(filled);
}

function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, 500);
}
