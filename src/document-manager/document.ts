import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { SpecloopError } from "../foundation/errors.ts";
import { gitBlobId } from "../foundation/hash.ts";
import type { Located } from "./policy.ts";

/** A document's bytes and what they say; the text still has its byte order mark. */
export interface Content {
  bytes: Buffer;
  text: string;
  revision: string;
  /** Permission bits. */
  mode: number;
}

/**
 * Reads a document, null when there is none. Never reads more than the limit. Throws `document_too_large`,
 * `document_not_text` (also for NUL, which no text has).
 */
export async function readDocument({ path, absolute }: Located, maxBytes: number): Promise<Content | null> {
  const handle = await open(absolute, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (isCode(error, "ENOENT")) return null;
    if (isCode(error, "ELOOP"))
      throw new SpecloopError("path_outside_root", `"${path}" became a symbolic link.`, { target: path, cause: error });
    throw error;
  });
  if (!handle) return null;
  try {
    const { size, mode } = await handle.stat();
    if (size > maxBytes) throw tooLarge(path, size, maxBytes);
    const bytes = await handle.readFile();
    if (bytes.length > maxBytes) throw tooLarge(path, bytes.length, maxBytes);
    return { bytes, text: decode(bytes, path), revision: gitBlobId(bytes), mode: mode & 0o777 };
  } finally {
    await handle.close();
  }
}

/** UTF-8 or nothing: bytes that cannot be told are never written back. */
export function decode(bytes: Uint8Array, path: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // Falls through to the one refusal.
  }
  throw new SpecloopError("document_not_text", `"${path}" is not UTF-8 text.`, { target: path });
}

export function tooLarge(path: string, size: number, maxBytes: number): SpecloopError {
  return new SpecloopError("document_too_large", `"${path}" has ${size} bytes; the limit is ${maxBytes}.`, {
    target: path,
  });
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
