/** Whether a path fits one of the globs: `*` within a name, `**` over folders, `?` one character, `{a,b}` either. */
export function globMatcher(globs: readonly string[]): (path: string) => boolean {
  const patterns = globs.map((glob) => new RegExp(`^${translate(glob)}$`, "u"));
  return (path) => patterns.some((pattern) => pattern.test(path));
}

const TOKENS: [RegExp, (match: string) => string][] = [
  [/^\*\*\//, () => "(?:[^/]+/)*"],
  [/^\*\*/, () => ".*"],
  [/^\*/, () => "[^/]*"],
  [/^\?/, () => "[^/]"],
  [/^\{[^{}]*\}/, (match) => `(?:${match.slice(1, -1).split(",").map(escape).join("|")})`],
];

function translate(glob: string): string {
  let result = "";
  for (let rest = glob; rest !== "";) {
    const token = TOKENS.find(([pattern]) => pattern.test(rest));
    const match = token?.[0].exec(rest)?.[0] ?? rest[0]!;
    result += token ? token[1](match) : escape(match);
    rest = rest.slice(match.length);
  }
  return result;
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
