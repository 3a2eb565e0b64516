import { lstatSync, realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import { isInside } from "../../foundation/paths.ts";

/** What a person keeps outside every repository, `$XDG_CONFIG_HOME/specloop`: nothing in a repository may name it. */
export interface PersonFiles {
  directory: string;
  /** Sheets of one-time codes: salts and public keys, never a code. */
  approvers: string;
  /** ssh-keygen(1), ALLOWED SIGNERS. */
  allowedSigners: string;
  /** A line per key: fingerprint of the primary key, a space, the mail address. */
  allowedGpgKeys: string;
  /** How the person is told of what waits: argument vectors, never a shell. */
  notify: string;
}

export function personFiles(env: Record<string, string | undefined>): PersonFiles {
  const set = env["XDG_CONFIG_HOME"];
  // The home of the account, not of the environment.
  const base = set !== undefined && isAbsolute(set) ? set : join(userInfo().homedir, ".config");
  const directory = join(base, "specloop");
  return {
    directory,
    approvers: join(directory, "approvers.json"),
    allowedSigners: join(directory, "allowed_signers"),
    allowedGpgKeys: join(directory, "allowed_gpg_keys"),
    notify: join(directory, "notify.json"),
  };
}

/**
 * Whether the file is there and can be trusted: a plain file of this user (or root) that nobody else may write, in a
 * folder of which the same is true, outside `outside` (the repository's places). `secret` files may not be read by others
 * either. Throws `forbidden` for a file that is there and cannot be trusted.
 */
export function isTrusted(path: string, outside: readonly string[], secret = false): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return false;
  const folder = lstatSync(realpathSync(dirname(path)));
  const real = realpathSync(path);
  const inside = outside.some((place) => isInside(place, real));
  const wrong = !found.isFile()
    ? "is no plain file"
    : inside
      ? "lies in the repository, where agents write"
      : !isOurs(found, secret ? 0o077 : 0o022)
        ? `may be ${secret ? "read or " : ""}written by others`
        : !isOurs(folder, 0o022)
          ? "lies in a folder that others may write"
          : null;
  if (wrong === null) return true;
  throw new SpecloopError("forbidden", `${path} ${wrong}, so no approval is checked against it.`, {
    target: path,
    fix: `Keep it outside the repository and run: chmod ${secret ? "600" : "644"} ${path}`,
  });
}

function isOurs(found: { uid: number; mode: number }, forbidden: number): boolean {
  const user = process.getuid?.();
  if (user === undefined) return true;
  return (found.uid === user || found.uid === 0) && (found.mode & forbidden) === 0;
}
