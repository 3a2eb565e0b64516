import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SpecloopError } from "../foundation/errors.ts";
import { findPlaces } from "../places.ts";
import type { CliContext } from "./context.ts";

/** Everything from here on is left out of the answer. */
const BELOW = "------ your answer stands above this line; what stands below is not part of it ------";
/** Ids are handles of ours; anything else must not become a path. */
const ID = /^[a-z]-[a-z0-9]{4,40}$/;

/**
 * An answer that a person writes in an editor. It is a file of its own until the answer has been taken, so that nothing is
 * lost when writing or sending it is interrupted: the next editor for that question begins with it.
 */
export class Draft {
  readonly #context: CliContext;
  readonly #questionId: string;

  constructor(context: CliContext, questionId: string) {
    if (!ID.test(questionId))
      throw new SpecloopError("unknown_question", `There is no question ${questionId}.`, { target: questionId });
    this.#context = context;
    this.#questionId = questionId;
  }

  async path(): Promise<string> {
    const { paths } = await findPlaces(this.#context.path);
    return join(paths.directory, "drafts", `${this.#questionId}.md`);
  }

  /** Keeps a text that was typed elsewhere. */
  async keep(text: string): Promise<string> {
    const path = await this.path();
    await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
    await writeFile(path, `${text}\n`, { mode: 0o600 });
    return path;
  }

  /** Opens the person's editor and returns what was written; null for nothing. Throws `bad_input` when it fails. */
  async edit(question: string): Promise<string | null> {
    const path = await this.path();
    const before = above(await readFile(path, "utf8").catch(() => ""));
    await this.keep(`${before}\n\n${BELOW}\n\n${question}`);
    await runEditor(this.#context, path);
    const text = above(await readFile(path, "utf8"));
    if (text === "") await this.discard();
    return text === "" ? null : text;
  }

  /** The answer was taken. */
  async discard(): Promise<void> {
    await rm(await this.path(), { force: true });
  }
}

function above(text: string): string {
  const at = text.indexOf(BELOW);
  return (at === -1 ? text : text.slice(0, at)).trim();
}

/** `$VISUAL`, `$EDITOR` or vi, with the words that stand behind it, without a shell. */
async function runEditor({ env, path: cwd }: CliContext, file: string): Promise<void> {
  const chosen = env["VISUAL"] || env["EDITOR"] || "vi";
  const [program = "vi", ...args] = chosen.trim().split(/\s+/);
  const child = spawn(program, [...args, file], { cwd, env, stdio: "inherit" });
  const [code] = (await once(child, "exit").catch((cause: unknown) => {
    throw new SpecloopError("bad_input", `The editor ${program} cannot be started.`, {
      fix: "Set EDITOR to one that is installed, or give the answer with --file.",
      cause,
    });
  })) as [number | null];
  if (code === 0) return;
  throw new SpecloopError("bad_input", `The editor ended with ${code}; what was written is kept in ${file}.`, {
    target: file,
    fix: "Open it again with --editor.",
  });
}
