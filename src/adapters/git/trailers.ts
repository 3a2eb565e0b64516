/** What git prints of a message with these options of `trailers`: only those, each on one line. */
export const TRAILERS = "trailers:only=true,unfold=true";

/** The trailers of ours in such a text, in order: name and value. */
export function ownTrailers(text: string): [name: string, value: string][] {
  const found = text.matchAll(/^(Specloop-[A-Za-z-]+): (.+)$/gm);
  return [...found].map(([, name = "", value = ""]) => [name, value.trim()]);
}

/** Each `Specloop-Edit` begins the trailers of another edit; ours without one (a proposal's) are one record as well. */
export function editsOf(text: string): Record<string, string>[] {
  const edits: Record<string, string>[] = [];
  for (const [name, value] of ownTrailers(text)) {
    const last = edits.at(-1);
    if (last && (name !== "Specloop-Edit" || last["Specloop-Edit"] === undefined)) last[name] = value;
    else edits.push({ [name]: value });
  }
  return edits;
}
