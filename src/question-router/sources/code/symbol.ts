/** What a line declares, by the words that languages begin declarations with. */
const DECLARATIONS: RegExp[] = [
  // TypeScript, JavaScript, Rust, Go, Java, C#, Kotlin, Swift, Python, Ruby: a keyword and a name.
  /^(?:\s*pub\([^)]*\))?[^(=]*?\b(?:function\*?|class|interface|enum|namespace|module|struct|trait|impl|union|record|protocol|extension|object|def|fn|fun|macro_rules!)\s+(?:<[^>]*>\s*)?([A-Za-z_$][\w$]*)/,
  // Go: `func (r *Router) Ask(`.
  /^\s*func\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*)/,
  /^\s*(?:export\s+|pub(?:\([^)]*\))?\s+|public\s+|private\s+|protected\s+|static\s+|declare\s+|default\s+|abstract\s+|readonly\s+|async\s+|final\s+)*(?:const|let|var|val|type|typedef|mod|package)\s+(?:mut\s+)?([A-Za-z_$][\w$]*)/,
  /^\s*#\s*define\s+([A-Za-z_]\w*)/,
  // A method, a field or a function of C: the name before `(`, `=`, `:`, `;` or `{`.
  /^\s*(?:[\w$<>[\],:*&?.]+\s+)*?[*&]*(#?[A-Za-z_$][\w$]*)\s*(?:<[^>(]*>)?\s*[(?!]?[(:=;{]/,
  // A variant of an enum or a member of a list.
  /^\s*([A-Za-z_$][\w$]*)\s*,?\s*$/,
];
/** What the loose patterns would take for a name. */
const NO_NAMES = new Set(
  "if else for while switch return case do try catch throw new await yield import from export default in of and or not".split(
    " ",
  ),
);
/** Longer lines are data, not declarations; the patterns stay quick. */
const MAX_LINE = 300;

/** The name that a line of code declares, or null. Decorators and attributes (`@x`, `#[x]`) declare nothing. */
export function symbolOf(line: string): string | null {
  if (line.length > MAX_LINE || /^\s*(?:@|#\[|\[)/.test(line)) return null;
  for (const pattern of DECLARATIONS) {
    const name = pattern.exec(line)?.[1];
    if (name !== undefined && !NO_NAMES.has(name)) return name;
  }
  return null;
}

/** Whether a line only decorates what follows: attributes, annotations, template heads. */
export function decorates(line: string): boolean {
  return /^\s*(?:@[\w.]+(?:\(.*\))?|#!?\[.*\]|\[\w.*\]|template\s*<.*>)\s*$/.test(line);
}
