import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import { sha256 } from "../../foundation/hash.ts";
import { newId } from "../../foundation/ids.ts";
import type { Stored } from "./state.ts";

/** Longer JSON goes into a file of its own, bytes. */
export const INLINE_BYTES = 64 * 1024;
/** The largest value that is taken, bytes. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024;
/** No JSON begins so. */
const HANDLE = "@sha256:";

/** Values of runs as rows keep them: JSON text, or for a large one the SHA-256 under which its text is kept. */
export interface Values {
  /** Durable when it resolves. Throws `payload_too_large`, and `bad_input` for what is no JSON. */
  store(value: unknown): Promise<Stored>;
  /** Throws `store_corrupt` when the content of a handle is gone or another one. */
  load(stored: Stored): Promise<unknown>;
}

export function isHandle(stored: Stored): boolean {
  return stored.startsWith(HANDLE);
}

/** Length in bytes of what a row's value stands for. */
export function sizeOf(stored: Stored): number {
  return isHandle(stored) ? Number(stored.split(":")[2]) : Buffer.byteLength(stored);
}

/** Values with files in a directory, which is made when the first large one comes. */
export class FileValues implements Values {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async store(value: unknown): Promise<Stored> {
    const text = asJson(value);
    const bytes = Buffer.byteLength(text);
    if (bytes <= INLINE_BYTES) return text;
    refuseTooLarge(bytes);
    const hash = sha256(text);
    await writeDurably(this.#path(hash), text);
    return handleOf(hash, bytes);
  }

  async load(stored: Stored): Promise<unknown> {
    if (!isHandle(stored)) return JSON.parse(stored) as unknown;
    const hash = hashIn(stored);
    const text = await readFile(this.#path(hash), "utf8").catch((cause: unknown) => {
      throw damaged(hash, "cannot be read", cause);
    });
    if (sha256(text) !== hash) throw damaged(hash, "is not what was kept");
    return JSON.parse(text) as unknown;
  }

  #path(hash: string): string {
    return join(this.#directory, hash.slice(0, 2), hash);
  }
}

export function handleOf(hash: string, bytes: number): Stored {
  return `${HANDLE}${hash}:${bytes}`;
}

export function hashIn(handle: Stored): string {
  return handle.split(":")[1] ?? "";
}

export function refuseTooLarge(bytes: number): void {
  if (bytes <= MAX_VALUE_BYTES) return;
  throw new SpecloopError("payload_too_large", `The value is ${bytes} bytes of JSON; ${MAX_VALUE_BYTES} are taken.`, {
    fix: "Write it to a file and hand on the path, or hand on a part of it.",
  });
}

/** Throws `bad_input` for what is no JSON. */
export function asJson(value: unknown): string {
  try {
    return JSON.stringify(value ?? null) ?? "null";
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SpecloopError("bad_input", `The value is no JSON: ${why}`, { cause });
  }
}

/** Under its name only when all of it is on the disk: a file of that name is whole. */
async function writeDurably(path: string, text: string): Promise<void> {
  const draft = `${path}.${newId("e")}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    const directory = await open(dirname(path));
    await directory.sync().finally(() => directory.close());
  } catch (cause) {
    await rm(draft, { force: true });
    throw new SpecloopError("store_full", `A large value cannot be kept: ${(cause as Error).message}`, { cause });
  }
}

export function damaged(hash: string, why: string, cause?: unknown): SpecloopError {
  return new SpecloopError("store_corrupt", `A large value (${hash.slice(0, 12)}…) ${why}.`, { target: hash, cause });
}
