/** A pattern may come from a file of the repository; what has more than this many alternatives is read literally. */
const MAX_ALTERNATIVES = 64;

export interface GlobOptions {
  /** Upper and lower case count as the same: on many disks `.GIT/config` is `.git/config`. */
  ignoreCase?: boolean;
}

/**
 * Whether a path fits one of the globs: `*` and `?` stay inside a name, `**` as a whole name stands for any number of
 * folders (at the end: for anything below), `{a,b}` is a choice. Names with a dot are no exception. Walks by hand, in
 * time that is at most the product of both lengths: an expression with several stars needs years for a hostile name.
 */
export function globMatcher(
  globs: readonly string[],
  { ignoreCase = false }: GlobOptions = {},
): (path: string) => boolean {
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  const patterns = globs.flatMap((glob) => alternatives(fold(glob))).map((glob) => glob.split("/"));
  return (path) => {
    const names = fold(path).split("/");
    return patterns.some((pattern) => matchesNames(pattern, names));
  };
}

/** `a{b,c}d` becomes `abd` and `acd`; the rest of the pattern is as it was. */
function alternatives(glob: string): string[] {
  let found = [""];
  let from = 0;
  for (const { 0: choice, 1: options, index } of glob.matchAll(/\{([^{}]*)\}/g)) {
    const before = glob.slice(from, index);
    found = found.flatMap((start) => options!.split(",").map((option) => start + before + option));
    if (found.length > MAX_ALTERNATIVES) return [glob];
    from = index + choice.length;
  }
  return found.map((start) => start + glob.slice(from));
}

/** Names against names; after a mismatch only the last `**` takes one more name, which is enough. */
function matchesNames(pattern: string[], names: string[]): boolean {
  let [at, name, retryAt, retryName] = [0, 0, -1, 0];
  while (name < names.length) {
    const wanted = pattern[at];
    if (wanted === "**") {
      if (at === pattern.length - 1) return true;
      at += 1;
      [retryAt, retryName] = [at, name];
    } else if (wanted !== undefined && matchesName(wanted, names[name]!)) {
      at += 1;
      name += 1;
    } else if (retryAt !== -1) {
      retryName += 1;
      [at, name] = [retryAt, retryName];
    } else return false;
  }
  return at === pattern.length;
}

/** One name; after a mismatch only the last `*` takes one more character. */
function matchesName(pattern: string, name: string): boolean {
  let [at, index, retryAt, retryIndex] = [0, 0, -1, 0];
  while (index < name.length) {
    const wanted = pattern[at];
    if (wanted === "*") {
      at += 1;
      [retryAt, retryIndex] = [at, index];
    } else if (wanted !== undefined && (wanted === "?" || wanted === name[index])) {
      at += 1;
      index += 1;
    } else if (retryAt !== -1) {
      retryIndex += 1;
      [at, index] = [retryAt, retryIndex];
    } else return false;
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}
