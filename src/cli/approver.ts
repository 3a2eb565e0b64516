import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { CODES_ON_A_SHEET, isTrusted, personFiles, type Approver } from "../access/approvals/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { withoutRepositoryPath } from "../foundation/paths.ts";
import { findPlaces } from "../places.ts";
import type { CliContext } from "./context.ts";
import { askHidden, isTerminal } from "./terminal.ts";
import { time } from "./views/question.ts";
import { approversOf } from "./approvers.ts";

/** Who has a sheet of codes here, and how many are left. */
export async function list(context: CliContext): Promise<void> {
  const all = (await approversOf(context)).all();
  const left = ({ codes }: Approver) => codes.filter(({ usedFor }) => usedFor === null).length;
  const result = all.map((each) => ({
    name: each.name,
    email: each.email,
    codesLeft: left(each),
    since: each.sheet.createdAt,
    lost: each.sheet.lost,
  }));
  context.output.result({ directory: personFiles(context.env).directory, approvers: result }, () => {
    const rows = result.map((each) => [each.name, each.email, `${each.codesLeft} codes`, time(each.since)]);
    return rows.length === 0
      ? "Nobody has a sheet of one-time codes here: specloop approver enroll"
      : context.output.table(["NAME", "MAIL", "LEFT", "SINCE"], rows);
  });
}

/** Makes a new sheet of codes and shows it once, on a terminal. */
export async function enroll(context: CliContext, options: Record<string, unknown>): Promise<void> {
  if (!isTerminal(context.stdin) || context.output.json)
    throw new SpecloopError("bad_input", "A sheet of codes is shown on a terminal, once, and to nobody else.", {
      fix: "Run the command in a terminal of your own, without --json.",
    });
  const person = await personOf(context, options);
  const approvers = await approversOf(context);
  const before = approvers.all().find(({ email }) => email.toLowerCase() === person.email.toLowerCase());
  const lost = options["lost"] === true;
  if (before && !lost) {
    const key = await approvers.keyFor(await askHidden(context, "A code of your present sheet: "));
    const found = key === null ? null : approvers.find(key.publicKey);
    if (!key || !found || found.usedFor !== null || found.approver.email !== before.email)
      throw new SpecloopError("approval_missing", "This is no unused code of your present sheet.", {
        fix: "If the sheet is gone: `specloop approver enroll --lost`; that is recorded and shown.",
      });
    approvers.use(key.publicKey, `sheet ${before.sheet.id} replaced`);
  }
  const codes = await approvers.enroll(person, { lost: Boolean(before) && lost, now: Date.now() });
  context.output.note(
    [
      `One-time codes of ${person.name} <${person.email}>. Write them down; they are kept nowhere and never shown again.`,
      "",
      ...codes.map((code, index) => `  ${String(index + 1).padStart(2)}  ${code}`),
      "",
      `${CODES_ON_A_SHEET} codes, each good for one decision. Type one when \`specloop approve\` asks for it.`,
    ].join("\n"),
  );
}

/** Lets signatures by an ssh key count as its owner's yes. */
export async function trust(context: CliContext, file: string, options: Record<string, unknown>): Promise<void> {
  const { email } = await personOf(context, { name: "-", ...options });
  const key = readKey(file);
  const { allowedSigners } = personFiles(context.env);
  const places = await findPlaces(context.path).catch(() => null);
  mkdirSync(dirname(allowedSigners), { recursive: true, mode: 0o700 });
  isTrusted(allowedSigners, places === null ? [] : [places.worktree, places.repository]);
  appendFileSync(allowedSigners, `${email} namespaces="git" ${key}\n`, { mode: 0o600 });
  context.output.result(
    { file: allowedSigners, email },
    () => `Signatures by this key count as ${email} (${allowedSigners}).`,
  );
}

/** Type and key, without the comment. */
function readKey(file: string): string {
  const text = read(file);
  const [, key] = /^((?:ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]+)/.exec(text) ?? [];
  if (key) return key;
  throw new SpecloopError("bad_input", `${file} is no public ssh key.`, { target: file });
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new SpecloopError("bad_input", `The file ${file} cannot be read.`, { target: file, cause });
  }
}

async function personOf(
  context: CliContext,
  given: { name?: string; email?: string },
): Promise<{ name: string; email: string }> {
  const options = { cwd: context.path, env: withoutRepositoryPath(context.env, context.path) };
  const ask = async (key: string) => {
    const answer = await promisify(execFile)("git", ["config", key], options).catch(() => null);
    return answer?.stdout.trim() ?? "";
  };
  const name = given.name ?? (await ask("user.name"));
  const email = given.email ?? (await ask("user.email"));
  if (name !== "" && /^[^\s<>@]+@[^\s<>@]+$/.test(email)) return { name, email };
  throw new SpecloopError("bad_input", "Who you are is not known.", { fix: "Give --name and --email." });
}
