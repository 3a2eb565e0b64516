import { globMatcher } from "../../foundation/glob.ts";
import { canonicalJson } from "../../foundation/hash.ts";
import type { Operation, Rule } from "./options.ts";
import { APPROVAL_LEVELS, type ApprovalLevel } from "./port.ts";

const HOUR_MS = 3_600_000;

/** What decides who must say yes, as one value that can be remembered and compared. */
export interface Policy {
  rules: Rule[];
  protectedUrl: string | null;
  protectedBranch: string;
  /** Globs of documents whose edits wait (`documents.sensitive`). */
  sensitive: string[];
}

/** What one piece of content needs. */
export interface Requirement {
  level: ApprovalLevel;
  count: number;
  /** Mail addresses; null for everybody who can prove it. */
  approvers: string[] | null;
  expiresMs: number;
  escalateMs: number | null;
  escalateTo: string[];
}

const NOTHING: Requirement = {
  level: "L0",
  count: 1,
  approvers: null,
  expiresMs: 168 * HOUR_MS,
  escalateMs: null,
  escalateTo: [],
};

/** The strictest of every rule of every policy that fits, so that the order of rules says nothing. */
export function requirementOf(
  policies: readonly Policy[],
  { operation, paths }: { operation: Operation; paths: readonly string[] },
): Requirement {
  const rules = policies.flatMap((policy) => policy.rules);
  const fitting = rules.filter((rule) => {
    if (!rule.operations.includes(operation)) return false;
    const fits = globMatcher(rule.paths, { ignoreCase: true });
    return paths.some((path) => fits(path));
  });
  const [first, ...others] = fitting.map(toRequirement);
  return first ? others.reduce(strictest, first) : NOTHING;
}

export function isAtLeast(level: ApprovalLevel, wanted: ApprovalLevel): boolean {
  return APPROVAL_LEVELS.indexOf(level) >= APPROVAL_LEVELS.indexOf(wanted);
}

/**
 * Whether `next` certainly asks for no less than `before`: each rule of before has one in next for the same content that
 * is as strict. What this cannot tell counts as weaker.
 */
export function isAsStrict(next: Policy, before: Policy): boolean {
  const remote = next.protectedUrl === before.protectedUrl && next.protectedBranch === before.protectedBranch;
  const wanted = new Set(next.sensitive);
  const sensitive = before.sensitive.every((glob) => wanted.has(glob));
  const covered = before.rules.every((rule) => asksNothing(rule) || next.rules.some((other) => covers(other, rule)));
  return (remote || before.protectedUrl === null) && sensitive && covered;
}

/** As where no rule fits. */
function asksNothing({ level, count, approvers }: Rule): boolean {
  return level === "L0" && count === 1 && approvers.length === 0;
}

function covers(next: Rule, before: Rule): boolean {
  return (
    isWithin(before.operations, next.operations) &&
    (isWithin(before.paths, next.paths) || next.paths.includes("**")) &&
    isAtLeast(next.level, before.level) &&
    next.count >= before.count &&
    next.expiresHours <= before.expiresHours &&
    areTheSamePeople(next, before)
  );
}

/** Nobody may approve, at once or later, who could not before. */
function areTheSamePeople(next: Rule, before: Rule): boolean {
  if (before.approvers.length === 0) return true;
  const later = (next.escalateHours ?? Infinity) >= (before.escalateHours ?? Infinity);
  const escalation = next.escalateTo.length === 0 || (later && isWithin(next.escalateTo, before.escalateTo));
  return escalation && next.approvers.length > 0 && isWithin(next.approvers, before.approvers);
}

function isWithin(part: readonly string[], whole: readonly string[]): boolean {
  const known = new Set(whole.map((text) => text.toLowerCase()));
  return part.every((text) => known.has(text.toLowerCase()));
}

export function samePolicy(one: Policy, other: Policy): boolean {
  return canonicalJson(one) === canonicalJson(other);
}

function toRequirement(rule: Rule): Requirement {
  const { level, count, approvers, expiresHours, escalateHours, escalateTo } = rule;
  return {
    level,
    count,
    approvers: approvers.length === 0 ? null : approvers,
    expiresMs: expiresHours * HOUR_MS,
    escalateMs: escalateHours === undefined ? null : escalateHours * HOUR_MS,
    escalateTo,
  };
}

function strictest(one: Requirement, other: Requirement): Requirement {
  return {
    level: isAtLeast(one.level, other.level) ? one.level : other.level,
    count: Math.max(one.count, other.count),
    approvers: both(one.approvers, other.approvers),
    expiresMs: Math.min(one.expiresMs, other.expiresMs),
    escalateMs: later(one.escalateMs, other.escalateMs),
    // Who is named by one rule only may not decide in place of those that the other names.
    escalateTo: both(one.escalateTo, other.escalateTo) ?? [],
  };
}

/** Null stands for everybody. Rules that name nobody in common can be met by nobody, which is seen and mended. */
export function both(one: string[] | null, other: string[] | null): string[] | null {
  if (one === null) return other;
  return other === null ? one : one.filter((name) => isWithin([name], other));
}

/** Who may approve what was asked for at `createdAt`, at a later time; null for everybody. */
export function entitledBy(
  { approvers, escalateMs, escalateTo }: Requirement,
  { createdAt, at }: { createdAt: number; at: number },
): string[] | null {
  if (approvers === null) return null;
  return escalateMs !== null && at >= createdAt + escalateMs ? [...approvers, ...escalateTo] : approvers;
}

/** A rule without escalation forbids it. */
function later(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other);
}
