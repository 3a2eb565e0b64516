/** Names of the secrets that a field refers to, as it is written. */
export function secretsIn(written: unknown): string[] {
  const text = JSON.stringify(written ?? {});
  return [...new Set([...text.matchAll(/\bsecrets\.([A-Za-z_]\w*)/g)].map(([, name]) => name!))].toSorted();
}
