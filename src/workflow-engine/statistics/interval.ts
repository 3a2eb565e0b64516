/** Two-sided 95 %. */
const Z = 1.959964;

/** A share and where the true one lies with 95 % (E. B. Wilson 1927, the score interval); null of nothing. */
export function shareOf(hits: number, of: number): { share: number; low: number; high: number } | null {
  if (of === 0) return null;
  const share = hits / of;
  const scale = 1 + Z ** 2 / of;
  const centre = (share + Z ** 2 / (2 * of)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / of + Z ** 2 / (4 * of ** 2));
  return { share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
