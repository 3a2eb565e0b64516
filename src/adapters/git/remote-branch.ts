import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import { checkRevision } from "./arguments.ts";
import { GitRunner } from "./run.ts";

const ALLOWED_URL = /^(?:https:\/\/|ssh:\/\/|file:\/\/\/|[\w.-]+@[\w.-]+:|\/)[^\s\p{Cc}]+$/u;
const TIMEOUT_MS = 20_000;

/**
 * The commit that a branch of a remote has now, null when it has no such branch. Asked from an empty repository of its own:
 * in the one that is served `.git/config` could send the question elsewhere (`url.*.insteadOf`). Throws `bad_input` for an
 * address that is none, `git_failed` when the remote does not answer.
 */
export async function remoteBranch({
  url,
  branch,
  env = process.env,
}: {
  url: string;
  branch: string;
  env?: NodeJS.ProcessEnv;
}): Promise<string | null> {
  if (!ALLOWED_URL.test(url)) {
    throw new SpecloopError("bad_input", `"${url}" is not the address of a remote repository.`, { target: url });
  }
  const ref = `refs/heads/${checkRevision(branch)}`;
  const directory = await mkdtemp(join(tmpdir(), "specloop-remote-"));
  try {
    const run = new GitRunner({ directory, env, timeoutMs: TIMEOUT_MS });
    await run.run(["init", "--quiet", "--template="], { kind: "write" });
    const answer = await run.read(["-c", "protocol.ext.allow=never", "ls-remote", "--", url, ref]);
    const line = answer.split("\n").find((each) => each.endsWith(`\t${ref}`));
    return line?.slice(0, 40) ?? null;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
