import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";

/** 256 random bits in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * The daemon's bearer token, made on the first call and kept in `path` with mode 0600. A file that others could read or
 * that is no token of ours (a repository may bring one along) is replaced by a new one. When several processes start at
 * once they all get the same token.
 */
export function readOrCreateToken(path: string): string {
  const known = readToken(path);
  if (known !== null) return known;
  const token = randomBytes(32).toString("base64url");
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeWhole(draft, `${token}\n`);
  try {
    return publish(draft, path, token);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The token in `path`, or null when there is none that can be trusted. */
export function readToken(path: string): string | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || !isPrivate(found)) return null;
  const text = readFileSync(path, "utf8").trim();
  return TOKEN.test(text) ? text : null;
}

/** Whether the presented token is the right one, in a time that tells nothing about where they differ. */
export function tokenMatches(expected: string, presented: string): boolean {
  return timingSafeEqual(digest(expected), digest(presented));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isPrivate(found: { mode: number; uid: number }): boolean {
  const user = process.getuid?.();
  if (user === undefined) return true;
  return found.uid === user && (found.mode & 0o077) === 0;
}

function writeWhole(path: string, text: string): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A link fails where a file stands, so of several starters one wins and the others read its token. */
function publish(draft: string, path: string, token: string): string {
  try {
    linkSync(draft, path);
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const winner = readToken(path);
  if (winner !== null) return winner;
  renameSync(draft, path);
  return token;
}
