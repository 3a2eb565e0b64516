import { lstatSync, type Stats } from "node:fs";
import { extname } from "node:path";
import { SpecloopError } from "../foundation/errors.ts";
import { isCode } from "./document.ts";
import type { Live } from "../foundation/options.ts";
import { resolveInside, toRepositoryPath } from "../foundation/paths.ts";
import type { DocumentOptions } from "./options.ts";

/** A document that may be touched: links are resolved, so the policy looks at where the bytes really are. */
export interface Located {
  /** Relative to the repository, forward slashes. */
  path: string;
  absolute: string;
}

/** State and metadata folders, never to be opened by an option. */
const ALWAYS_PROTECTED = ["**/.git/**", "**/.git", "**/.specloop/**"];

/** Which paths are documents, which of them are protected, and which wait for a person. */
export class PathPolicy {
  readonly #root: string;
  readonly #options: Live<DocumentOptions>;

  constructor(root: string, options: Live<DocumentOptions>) {
    this.#root = root;
    this.#options = options;
  }

  /**
   * Throws `path_outside_root`, `path_protected`, `unknown_document` for a folder or below a file, and `bad_input` for a
   * name that no file can have.
   */
  locate(given: string): Located {
    const absolute = resolveInside(this.#root, given);
    const path = toRepositoryPath(this.#root, absolute);
    const { protected: globs, extensions } = this.#options.current;
    if (matches(path, [...ALWAYS_PROTECTED, ...globs])) {
      throw new SpecloopError("path_protected", `"${path}" is never read or edited through specloop.`, {
        target: path,
      });
    }
    if (!extensions.includes(extname(path).toLowerCase())) {
      throw new SpecloopError("path_protected", `"${path}" is not a document (${extensions.join(", ")}).`, {
        target: path,
      });
    }
    const stat = statOf(absolute, path);
    if (stat && !stat.isFile())
      throw new SpecloopError("unknown_document", `"${path}" is not a file.`, { target: path });
    return { path, absolute };
  }

  /** Whether an edit waits on a branch until a person merges it. */
  isSensitive(path: string): boolean {
    return !matches(path, ["**/openspec/**"]) || matches(path, this.#options.current.sensitive);
  }
}

function statOf(absolute: string, path: string): Stats | undefined {
  try {
    return lstatSync(absolute, { throwIfNoEntry: false });
  } catch (cause) {
    if (isCode(cause, "ENOTDIR"))
      throw new SpecloopError("unknown_document", `"${path}" lies below a file.`, { target: path, cause });
    if (!isCode(cause, "ENAMETOOLONG")) throw cause;
    const target = `${path.slice(0, 100)}…`;
    throw new SpecloopError("bad_input", `The path "${target}" is longer than a file's name may be.`, { target, cause });
  }
}

/** Case is ignored: on many disks `.GIT/config` is `.git/config`. */
function matches(path: string, globs: readonly string[]): boolean {
  return globs.some((glob) => new RegExp(`^${expression(glob)}$`, "iu").test(path));
}

/** `**` + `/` over folders, `**` over anything, `*` and `?` within a name, `{a,b}` either. Names with a dot are no exception. */
function expression(glob: string): string {
  return glob.replaceAll(/\*\*\/|\*\*|\*|\?|\{[^{}]*\}|[\\^$.+()[\]{}|/]/g, (token) => {
    if (token === "**/") return "(?:[^/]+/)*";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    if (token.length > 2) return `(?:${token.slice(1, -1).split(",").map(expression).join("|")})`;
    return `\\${token}`;
  });
}
