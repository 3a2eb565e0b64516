import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withoutRepositoryPath } from "../../foundation/paths.ts";
import { checkRevision } from "./arguments.ts";
import type { GitPlaces } from "./port.ts";
import { GitRunner } from "./run.ts";

/** A tag or commit with the signature that it carries, as git stores them. */
export interface SignedObject {
  /** Id of the object itself. */
  id: string;
  /** The commit: of a tag, what it points to. */
  commit: string;
  /** What was signed, byte for byte. */
  payload: string;
  signature: string | null;
  /** Without the signature. */
  message: string;
  /** Of a commit. */
  parents: string[];
  tree: string | null;
}

/** Who may sign; both files are outside every repository. */
export interface Signers {
  /** ssh-keygen(1), ALLOWED SIGNERS; null for none. */
  allowedSigners: string | null;
  /** Fingerprint of the primary key (upper case) -> mail address. */
  gpgKeys: ReadonlyMap<string, string>;
}

/** Mail address (or principal) of the signer, or why the signature does not count. */
export type SignatureVerdict = { signer: string; key: string } | { refused: string };

const SSH = "-----BEGIN SSH SIGNATURE-----";
const PGP = /-----BEGIN PGP (?:SIGNATURE|MESSAGE)-----/;
const TIMEOUT_MS = 10_000;

/**
 * Reads signatures out of git's objects and has them checked by `ssh-keygen` and `gpg` with fixed arguments. Git's own
 * `verify-tag` is not used: which program it starts and whom it believes stands in `.git/config`, which agents write.
 */
export class Signatures {
  readonly #run: GitRunner;
  readonly #env: Record<string, string>;

  constructor({ places, env = process.env }: { places: GitPlaces; env?: NodeJS.ProcessEnv }) {
    this.#run = new GitRunner({ directory: places.worktree, env });
    const { PATH, HOME, GNUPGHOME } = withoutRepositoryPath(env, places.worktree);
    this.#env = Object.fromEntries(
      Object.entries({ PATH, HOME, GNUPGHOME, LC_ALL: "C" }).filter((entry): entry is [string, string] => !!entry[1]),
    );
  }

  /** The annotated tag of this short name; null when there is none, or only a lightweight one. */
  async tag(name: string): Promise<SignedObject | null> {
    const found = await this.#object(`refs/tags/${name}`);
    if (found?.type !== "tag") return null;
    const [head, body] = split(found.text);
    const commit = /^object ([0-9a-f]{40})$/m.exec(head)?.[1];
    if (!commit || !/^type commit$/m.test(head) || !head.split("\n").includes(`tag ${name}`)) return null;
    const at = signatureStart(body);
    const payload = `${head}\n\n${at === -1 ? body : body.slice(0, at)}`;
    const signature = at === -1 ? null : body.slice(at);
    const message = at === -1 ? body : body.slice(0, at);
    return { id: found.id, commit, payload, signature, message, parents: [], tree: null };
  }

  async commit(revision: string): Promise<SignedObject | null> {
    const found = await this.#object(revision);
    if (found?.type !== "commit") return null;
    const [head, message] = split(found.text);
    const lines = head.split("\n");
    const start = lines.findIndex((line) => line.startsWith("gpgsig "));
    const length = start === -1 ? 0 : 1 + lines.slice(start + 1).findIndex((line) => !line.startsWith(" "));
    const end = length === 0 && start !== -1 ? lines.length : start + length;
    const signed = start === -1 ? [] : lines.slice(start, end);
    const rest = start === -1 ? lines : [...lines.slice(0, start), ...lines.slice(end)];
    const values = (name: string) =>
      rest.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
    return {
      id: found.id,
      commit: found.id,
      payload: `${rest.join("\n")}\n\n${message}`,
      signature: signed.length === 0 ? null : signed.map((line) => line.replace(/^(?:gpgsig)? /, "")).join("\n"),
      message,
      parents: values("parent"),
      tree: values("tree")[0] ?? null,
    };
  }

  /** Whether an allowed signer signed it, and who. */
  async verify({ payload, signature }: SignedObject, signers: Signers): Promise<SignatureVerdict> {
    if (signature === null) return { refused: "it is not signed" };
    await using folder = await temporaryFolder();
    const file = join(folder.path, "signature");
    await writeFile(file, signature.endsWith("\n") ? signature : `${signature}\n`, { mode: 0o600 });
    if (signature.startsWith(SSH)) return await this.#verifySsh(payload, file, signers);
    if (PGP.test(signature)) return await this.#verifyGpg(payload, file, signers);
    return { refused: "its kind of signature is not known" };
  }

  async #verifySsh(payload: string, file: string, { allowedSigners }: Signers): Promise<SignatureVerdict> {
    if (allowedSigners === null) return { refused: "no allowed signers are named" };
    const found = await this.#start("ssh-keygen", ["-Y", "find-principals", "-s", file, "-f", allowedSigners], "");
    const principals = found.code === 0 ? found.stdout.split("\n").filter(Boolean) : [];
    for (const principal of principals) {
      const args = ["-Y", "verify", "-f", allowedSigners, "-I", principal, "-n", "git", "-s", file];
      const { code, stdout } = await this.#start("ssh-keygen", args, payload);
      const key = /key (SHA256:\S+)/.exec(stdout)?.[1] ?? "";
      if (code === 0) return { signer: principal, key };
    }
    const why = principals.length === 0 ? "its key is not among the allowed signers" : "the signature does not fit";
    return { refused: why };
  }

  async #verifyGpg(payload: string, file: string, { gpgKeys }: Signers): Promise<SignatureVerdict> {
    if (gpgKeys.size === 0) return { refused: "no OpenPGP key is allowed" };
    const args = ["--no-options", "--batch", "--status-fd", "1", "--verify", file, "-"];
    const { code, stdout } = await this.#start("gpg", args, payload);
    const bad = /^\[GNUPG:\] (?:BADSIG|ERRSIG|REVKEYSIG|EXPKEYSIG|EXPSIG)\b/m.test(stdout);
    const valid = /^\[GNUPG:\] VALIDSIG (?:\S+ ){9}(\S+)/m.exec(stdout)?.[1];
    const signer = valid && gpgKeys.get(valid.toUpperCase());
    if (code !== 0 || bad || !valid) return { refused: "gpg does not find the signature good" };
    return signer ? { signer, key: valid } : { refused: "its key is not among the allowed keys" };
  }

  async #object(revision: string): Promise<{ id: string; type: string; text: string } | null> {
    const input = `${checkRevision(revision)}\n`;
    const { stdout } = await this.#run.run(["cat-file", "--batch"], { kind: "read", input });
    const line = stdout.subarray(0, stdout.indexOf(0x0a)).toString("utf8");
    const [, id, type, size] = /^([0-9a-f]{40}) (\w+) (\d+)$/.exec(line) ?? [];
    if (!id || !type || !size) return null;
    const start = Buffer.byteLength(line) + 1;
    // One character a byte, so that what is checked is what git has, in whatever encoding.
    return { id, type, text: stdout.subarray(start, start + Number(size)).toString("latin1") };
  }

  #start(program: string, args: string[], input: string): Promise<{ code: number; stdout: string }> {
    const { promise, resolve } = Promise.withResolvers<{ code: number; stdout: string }>();
    const child = spawn(program, args, { env: this.#env, cwd: tmpdir(), stdio: ["pipe", "pipe", "ignore"] });
    const out: Buffer[] = [];
    const timer = setTimeout(() => child.kill("SIGTERM"), TIMEOUT_MS);
    const done = (code: number) => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(out).toString("utf8") });
    };
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stdin.on("error", () => {}); // it may end before it has read everything
    child.stdin.end(Buffer.from(input, "latin1"));
    child.on("error", () => done(127));
    child.on("close", (code) => done(code ?? 128));
    return promise;
  }
}

async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "specloop-signature-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Headers and message. */
function split(text: string): [head: string, body: string] {
  const at = text.indexOf("\n\n");
  return at === -1 ? [text.replace(/\n$/, ""), ""] : [text.slice(0, at), text.slice(at + 2)];
}

/** The last line that begins a signature: what stands before it is what was signed. */
function signatureStart(body: string): number {
  const lines = body.split("\n");
  const last = lines.findLastIndex((line) => line === SSH || PGP.test(line));
  return last === -1 ? -1 : lines.slice(0, last).reduce((sum, line) => sum + line.length + 1, 0);
}
