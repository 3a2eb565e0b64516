/** Longest pattern and most wildcards that are taken as a pattern: more of them make matching slow. */
const MAX_LENGTH = 300;
const MAX_WILDCARDS = 8;

/**
 * Whether a path inside a change fits what an artifact `generates`: `*` and `?` stay inside one folder, `**` crosses
 * folders, `{a,b}` is a choice. Everything else is literal.
 */
export function matcher(pattern: string): (path: string) => boolean {
  const clean = pattern.replace(/^\.\//, "");
  const wildcards = clean.match(/[*?{]/g)?.length ?? 0;
  if (wildcards === 0 || wildcards > MAX_WILDCARDS * 2 || clean.length > MAX_LENGTH) return (path) => path === clean;
  const expression = new RegExp(`^${translate(clean)}$`);
  return (path) => expression.test(path);
}

function translate(pattern: string): string {
  return pattern.replaceAll(/\*\*\/|\*\*|\*|\?|\{[^{}]*\}|[.+^$()|[\]\\{}]/g, (token) => {
    if (token === "**/") return "(?:[^/]+/)*";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    if (token.length > 1) return `(?:${token.slice(1, -1).split(",").map(escape).join("|")})`;
    return `\\${token}`;
  });
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^$()|[\]\\{}]/g, String.raw`\$&`);
}
