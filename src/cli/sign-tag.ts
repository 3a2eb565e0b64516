import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { SpecloopError } from "../foundation/errors.ts";
import { withoutRepositoryPath } from "../foundation/paths.ts";

interface Signing {
  repository: string;
  env: Record<string, string | undefined>;
  tag: string;
  commit: string;
  /** The whole message. */
  message: string;
  /** File of an ssh key, instead of what the person's git is set to. */
  key: string | undefined;
}

const SETTINGS = ["gpg.format", "user.signingkey", "gpg.program", "gpg.openpgp.program", "gpg.ssh.program"] as const;

/**
 * Makes a signed tag with the person's own git settings. Those of the repository are overruled one by one: it would decide
 * otherwise which program is started and which key signs.
 */
export async function signTag(signing: Signing): Promise<void> {
  const { repository, tag, commit, message } = signing;
  const env = withoutGitVariables(withoutRepositoryPath(signing.env, repository));
  const own = await settings(env, signing.key);
  const format = own["gpg.format"];
  const fixed = {
    "core.hooksPath": "/dev/null",
    "gpg.format": format,
    "user.signingkey": own["user.signingkey"],
    "gpg.program": own["gpg.openpgp.program"] ?? own["gpg.program"] ?? "gpg",
    "gpg.openpgp.program": own["gpg.openpgp.program"] ?? own["gpg.program"] ?? "gpg",
    "gpg.ssh.program": own["gpg.ssh.program"] ?? "ssh-keygen",
    "gpg.ssh.defaultKeyCommand": "",
  };
  const overrides = Object.entries(fixed).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const args = [...overrides, "tag", "--sign", "--force", "--cleanup=verbatim", "-F", "-", tag, commit];
  const child = spawn("git", args, { cwd: repository, env, stdio: ["pipe", "ignore", "pipe"] });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  child.stdin.on("error", () => {}); // git may end before it has read everything
  child.stdin.end(message);
  const [code] = (await once(child, "close")) as [number | null];
  if (code === 0) return;
  const why = Buffer.concat(said).toString("utf8").trim().slice(-1000);
  throw new SpecloopError("git_failed", `The tag could not be signed: ${why || `exit code ${code}`}`, {
    fix: "Name a key: --key ~/.ssh/id_ed25519, or git config --global user.signingkey with gpg.format ssh.",
  });
}

async function settings(env: NodeJS.ProcessEnv, key: string | undefined): Promise<Record<string, string | undefined>> {
  const read = async (name: string) => {
    const args = ["config", "--global", "--includes", "--get", name];
    const { stdout } = await promisify(execFile)("git", args, { env, cwd: "/" }).catch(() => ({ stdout: "" }));
    return [name, stdout.trim() || undefined] as const;
  };
  const own = Object.fromEntries(await Promise.all(SETTINGS.map(read)));
  if (key !== undefined) return { ...own, "gpg.format": "ssh", "user.signingkey": key };
  if (own["user.signingkey"]) return { ...own, "gpg.format": own["gpg.format"] ?? "openpgp" };
  throw new SpecloopError("bad_input", "Your git names no key to sign with.", {
    fix: "Name one: --key ~/.ssh/id_ed25519, or git config --global user.signingkey with gpg.format ssh.",
  });
}

/** GIT_CONFIG_COUNT and its like could bring back what is overruled; a configuration that the person chose stays. */
function withoutGitVariables(env: Record<string, string | undefined>): NodeJS.ProcessEnv {
  const kept = new Set(["GIT_CONFIG_GLOBAL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_EXEC_PATH"]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("GIT_") || kept.has(name)));
}
