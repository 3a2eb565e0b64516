import { z } from "zod";

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const YEAR_MS = 366 * UNITS.d;

/** `90s`, `10m`, `12h`, `3d` as milliseconds; a plain number is milliseconds. At most a year. */
export const duration = z
  .union([z.number(), z.string().regex(/^\d{1,9}(ms|s|m|h|d)$/, "Write a time as 90s, 10m, 12h or 3d.")])
  .transform((given) => {
    if (typeof given === "number") return given;
    const unit = /[a-z]+$/.exec(given)?.[0] as keyof typeof UNITS;
    return Number.parseInt(given, 10) * UNITS[unit];
  })
  .pipe(z.number().int().min(0).max(YEAR_MS));
