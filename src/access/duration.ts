import { SpecloopError } from "../foundation/errors.ts";

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Ten years: a longer time is meant to be `never`. */
const MAX_MS = 3650 * UNITS.d;

/** `30d`, `12h`, `90m` in milliseconds, null for `never`; `bad_input` for anything else. */
export function parseDuration(text: string, target: string): number | null {
  if (text === "never") return null;
  const [, amount, unit] = /^(\d{1,7})([mhd])$/.exec(text) ?? [];
  const ms = Number(amount) * UNITS[(unit ?? "d") as keyof typeof UNITS];
  if (amount !== undefined && ms > 0 && ms <= MAX_MS) return ms;
  throw new SpecloopError("bad_input", `"${text.slice(0, 60)}" is not a time.`, {
    target,
    fix: "Write 90m, 12h, 30d or never.",
  });
}
