const formats = new Map<string, Intl.DateTimeFormat>();

/** The day of a time where a day begins as in this zone: `2026-11-21`. Its first seven characters are the month. */
export function dayOf(at: number, timeZone: string): string {
  let format = formats.get(timeZone);
  if (!format) {
    // Swedish dates are written as ISO 8601 has them.
    format = new Intl.DateTimeFormat("sv-SE", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
    formats.set(timeZone, format);
  }
  return format.format(at);
}

export type Period = "day" | "month";

/** The period that a day lies in: `2026-11-21` or `2026-11`. */
export function periodOf(day: string, period: Period): string {
  return period === "day" ? day : day.slice(0, 7);
}
