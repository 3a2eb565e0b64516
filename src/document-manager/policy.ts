import { lstatSync, type Stats } from "node:fs";
import { extname } from "node:path";
import { SpecloopError } from "../foundation/errors.ts";
import { isCode } from "./document.ts";
import { globMatcher } from "../foundation/glob.ts";
import type { Live } from "../foundation/options.ts";
import { resolveDocument, toRepositoryPath } from "../foundation/paths.ts";
import type { DocumentOptions } from "./options.ts";

/** A document that may be touched: links are resolved, so the policy looks at where the bytes really are. */
export interface Located {
  /** Relative to the repository, forward slashes. */
  path: string;
  absolute: string;
}

/** Where documents of a planning folder may be edited at once. */
const inPlanningFolder = globMatcher(["**/openspec/**"], { ignoreCase: true });

/** Which paths are documents, which of them are protected, and which wait for a person. */
export class PathPolicy {
  readonly #root: string;
  readonly #options: Live<DocumentOptions>;
  readonly #alsoSensitive: () => readonly string[];

  /** `alsoSensitive`: globs that the accepted policy holds sensitive whatever the configuration says now. */
  constructor(root: string, options: Live<DocumentOptions>, alsoSensitive: () => readonly string[] = () => []) {
    this.#root = root;
    this.#options = options;
    this.#alsoSensitive = alsoSensitive;
  }

  /**
   * Throws `path_outside_root`, `path_protected`, `unknown_document` for a folder or below a file, and `bad_input` for a
   * name that no file can have.
   */
  locate(given: string): Located {
    const absolute = resolveDocument(this.#root, given);
    const path = toRepositoryPath(this.#root, absolute);
    const { protected: globs, extensions } = this.#options.current;
    if (globMatcher(globs, { ignoreCase: true })(path)) {
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

  /**
   * Whether an edit waits on a branch until a person merges it. Hidden folders always do: `.claude/commands/openspec/`
   * holds commands that agents follow and is no planning folder.
   */
  isSensitive(path: string): boolean {
    const hidden = path.split("/").some((name) => name.startsWith(".") && name !== ".openspec.yaml");
    if (hidden || !inPlanningFolder(path)) return true;
    const globs = [...this.#options.current.sensitive, ...this.#alsoSensitive()];
    return globMatcher(globs, { ignoreCase: true })(path);
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
    throw new SpecloopError("bad_input", `The path "${target}" is longer than a file's name may be.`, {
      target,
      cause,
    });
  }
}
