import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { LRUCache } from "lru-cache";
import { Cel } from "../../adapters/expression/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { namesLike } from "../../foundation/near-names.ts";
import type { NodeType } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import { type Checked, checkDefinition } from "./check.ts";
import { NEEDS_APPROVAL } from "../templates/index.ts";
import { editorSchema } from "./editor-schema.ts";

/** A definition that was found, with what is wrong with it. */
export interface Found extends Checked {
  name: string;
  /** Relative to the folder's parent: `workflows/review.yaml`. */
  file: string;
  /** `repository`, or `builtin` where the program brought it. */
  origin: "repository" | "builtin";
  text: string;
}

interface CatalogueParts {
  /** `workflows/` of the repository. */
  folder: string;
  /** Templates of the program; a definition of the repository with the same name goes before. */
  builtin?: string;
  types: readonly NodeType[];
}

const FILE = /\.ya?ml$/;
const MAX_FILES = 500;
/** Larger files are told as too large without being read. */
const MAX_BYTES = 1024 * 1024;

/**
 * The workflows of a repository by name. Reads the folder when it is asked, so what was saved is what is run; a text
 * that was checked is not checked again.
 */
export class WorkflowCatalogue {
  readonly #parts: CatalogueParts;
  readonly #language = new Cel();
  readonly #checked = new LRUCache<string, Checked>({ max: 200 });

  constructor(parts: CatalogueParts) {
    this.#parts = parts;
  }

  /** All, by name; those with mistakes as well, by their file's name where they say none. */
  async list(): Promise<Found[]> {
    const { folder, builtin } = this.#parts;
    const own = await this.#read(folder, "repository");
    const brought = builtin === undefined ? [] : await this.#read(builtin, "builtin");
    const names = new Set(own.map(({ name }) => name));
    const all = [...own, ...brought.filter(({ name }) => !names.has(name))];
    return all.toSorted((a, b) => (a.name === b.name ? (a.file < b.file ? -1 : 1) : a.name < b.name ? -1 : 1));
  }

  /** Throws `unknown_workflow`; `bad_workflow` where two files have the name. */
  async find(name: string): Promise<Found> {
    const all = await this.list();
    const [found, twin] = all.filter((candidate) => candidate.name === name);
    if (twin && found) {
      throw new SpecloopError("bad_workflow", `${found.file} and ${twin.file} have the same name, ${name}.`, {
        target: found.file,
        fix: "Rename one of the two.",
      });
    }
    if (found) return found;
    const [near] = namesLike(
      name,
      all.map((candidate) => candidate.name),
    );
    throw new SpecloopError("unknown_workflow", `There is no workflow "${name}".`, {
      target: name,
      ...(near === undefined ? {} : { fix: `Did you mean "${near}"? \`specloop workflow list\` shows all.` }),
    });
  }

  /** What a run of this name begins with. `name` may end with `@VERSION`, which must be the definition's. */
  async plan(name: string): Promise<Plan> {
    const [, plain = name, version] = /^(.+)@([^@]+)$/.exec(name) ?? [];
    const { plan, problems, file } = await this.find(plain);
    if (!plan) {
      const first = problems.find(({ severity }) => severity === "error");
      throw new SpecloopError(
        "bad_workflow",
        `${file} has mistakes: ${first?.target ?? file}: ${first?.message ?? ""}`,
        {
          target: file,
          fix: `\`specloop workflow validate ${plain}\` shows all of them.`,
          details: { problems },
        },
      );
    }
    if (version === undefined || plan.version === version || plan.hash.startsWith(version)) return plan;
    const here = plan.version === null ? plan.hash.slice(0, 12) : `version ${plan.version}`;
    throw new SpecloopError("unknown_workflow", `${file} is ${here}, not ${version}.`, { target: name });
  }

  /** Hashes of what the program brought along and may run at once. */
  async trustedAsShipped(): Promise<ReadonlySet<string>> {
    const { builtin } = this.#parts;
    const shipped = builtin === undefined ? [] : await this.#read(builtin, "builtin");
    return new Set(shipped.flatMap(({ plan }) => (plan && !NEEDS_APPROVAL.has(plan.name) ? [plan.hash] : [])));
  }

  check(text: string, file: string): Checked {
    const key = `${file}\0${createHash("sha256").update(text).digest("hex")}`;
    const known = this.#checked.get(key);
    if (known) return known;
    const checked = checkDefinition({ file, text }, this.#parts.types, this.#language);
    this.#checked.set(key, checked);
    return checked;
  }

  editorSchema(): Record<string, unknown> {
    return editorSchema(this.#parts.types);
  }

  async #read(folder: string, origin: Found["origin"]): Promise<Found[]> {
    const found: Found[] = [];
    for (const name of await yamlFiles(folder)) {
      const file = `${basename(folder)}/${name}`;
      const text = await readText(join(folder, name));
      if (text === null) continue;
      const checked = this.check(text, file);
      found.push({ ...checked, name: checked.name ?? basename(name).replace(FILE, ""), file, origin, text });
    }
    return found;
  }
}

/** A folder that is not there has no workflows. */
async function yamlFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && FILE.test(entry.name))
      .map((entry) => entry.name)
      .toSorted()
      .slice(0, MAX_FILES);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Null when the file went away meanwhile. */
async function readText(path: string): Promise<string | null> {
  try {
    const { size } = await stat(path);
    return size > MAX_BYTES ? " ".repeat(MAX_BYTES) : await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
