import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AuditLog, type AccessTables, migrations } from "../../src/access/index.ts";
import {
  Approvers,
  ApprovalService,
  contentHashAt,
  keyOf,
  options,
  type Approval,
  type ApprovalOptions,
  type NewApproval,
} from "../../src/access/approvals/index.ts";
import { personFiles } from "../../src/access/approvals/index.ts";
import { Arrivals, openGit, remoteBranch, Signatures, type Git } from "../../src/adapters/git/index.ts";
import { migrate, openSqliteStore, type Store } from "../../src/adapters/store/index.ts";
import { EventBus, type EventName } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { movedClock } from "./fixture.ts";

const run = promisify(execFile);
export const SPEC = "openspec/specs/thing/spec.md";
export const BEFORE = "# thing\n\nThe thing SHALL be blue.\n";
export const AFTER = "# thing\n\nThe thing SHALL be green.\n";
export const ADA = { name: "Ada Example", email: "ada@example.org" };
export const BOB = { name: "Bob Example", email: "bob@example.org" };
export const agent = { kind: "agent", name: "claude-code" } as const;
export const person = { kind: "person", name: ADA.name } as const;

/** The service over a real repository, a real database, real keys, and a person's directory of its own. */
export class ApprovalWorld implements AsyncDisposable {
  readonly repository: TemporaryRepository;
  readonly home: string;
  readonly git: Git;
  readonly clock = movedClock(1_800_000_000_000);
  readonly seen: { name: EventName; payload: Record<string, unknown> }[] = [];
  events = new EventBus(silentLogger);
  policy: ApprovalOptions;
  env: NodeJS.ProcessEnv = process.env;
  sensitive = ["**/openspec/specs/**"];
  store!: Store<AccessTables>;
  audit!: AuditLog;
  service!: ApprovalService;
  #edits = 0;

  constructor(repository: TemporaryRepository, { home, git }: { home: string; git: Git }) {
    this.repository = repository;
    this.home = home;
    this.git = git;
    this.policy = options.schema.parse({});
  }

  get files() {
    return personFiles({ XDG_CONFIG_HOME: join(this.home, "config") });
  }

  get approvers(): Approvers {
    return new Approvers({ files: this.files, outside: [this.repository.path] });
  }

  /** A new process on the same database. */
  async start(events = new EventBus(silentLogger)): Promise<ApprovalService> {
    this.store = openSqliteStore(join(this.home, "core.db"), "full").as<AccessTables>();
    await migrate(this.store.as(), [migrations], this.clock.now());
    this.audit = new AuditLog({ store: this.store.as(), clock: this.clock, logger: silentLogger });
    this.events = events;
    this.events.onAny((name, payload) => this.seen.push({ name, payload: payload as Record<string, unknown> }));
    const { places } = this.git;
    this.service = new ApprovalService({
      store: this.store,
      audit: this.audit,
      git: this.git,
      arrivals: new Arrivals({ places }),
      signatures: new Signatures({ places, env: this.env }),
      remote: (url, branch) => remoteBranch({ url, branch }),
      files: this.files,
      events: this.events,
      clock: this.clock,
      logger: silentLogger,
      policy: () => {
        const { rules, protectedUrl = null, protectedBranch } = this.policy;
        return { rules, protectedUrl, protectedBranch, sensitive: this.sensitive };
      },
    });
    await this.service.start(new AbortController().signal);
    return this.service;
  }

  async stop(): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }

  /** A commit beside on a branch, as an agent's edit makes it, and the request for its approval. */
  async propose(given: Partial<NewApproval> & { files?: Record<string, string> } = {}): Promise<Approval> {
    const { files = { [SPEC]: AFTER }, ...more } = given;
    this.#edits += 1;
    const ref = `e-${this.#edits}`;
    const branch = `specloop/${ref}`;
    const base = (await this.git.head()).commit ?? "";
    const commit = await this.git.commitToBranch({
      ref: `refs/heads/${branch}`,
      parent: base,
      expected: null,
      files: new Map(Object.entries(files)),
      message: "Say it otherwise",
      trailers: { "Specloop-Edit": ref },
    });
    const paths = Object.keys(files);
    const contentHash = await contentHashAt(this.git, commit, paths);
    return this.service.request({
      subject: { operation: "document", ref, branch, commit, base, paths, contentHash },
      title: "Say it otherwise",
      reason: "Green is better",
      proposer: agent,
      ...more,
    });
  }

  /** A sheet of codes for a person. */
  enroll(who = ADA, lost = false): Promise<string[]> {
    return this.approvers.enroll(who, { lost, now: this.clock.now(), count: 2 });
  }

  /** What the terminal does with a typed code. */
  async withCode(id: string, code: string, statement?: string): Promise<Approval> {
    const approvers = this.approvers;
    const salt = approvers.all()[0]?.sheet.salt ?? "";
    const key = (await approvers.keyFor(code)) ?? (await keyOf(code, salt));
    const text = statement ?? (await this.service.review(id)).statement;
    const proof = { key: key.publicKey, signature: key.sign(text) };
    return this.service.decide({ id, decision: "approve", principal: person, method: "code", code: proof });
  }

  /** A new ssh key; `trusted`: its signatures count for this mail address. */
  async key(name: string, trusted?: string): Promise<string> {
    const file = join(this.home, name);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
    if (trusted !== undefined) {
      const { readFile } = await import("node:fs/promises");
      const line = `${trusted} namespaces="git" ${await readFile(`${file}.pub`, "utf8")}`;
      await mkdir(this.files.directory, { recursive: true, mode: 0o700 });
      await writeFile(this.files.allowedSigners, line, { flag: "a", mode: 0o600 });
    }
    return file;
  }

  /** `git …` that signs with a key. */
  signed(key: string, ...args: string[]): Promise<string> {
    return this.repository.git("-c", "gpg.format=ssh", "-c", `user.signingkey=${key}`, ...args);
  }

  /** Actions of the audit log, oldest first, with what they were done to. */
  async audited(target: string): Promise<string[]> {
    const rows = await this.store.read
      .selectFrom("audit")
      .selectAll()
      .where("target", "=", target)
      .orderBy("seq")
      .execute();
    return rows.map(({ action, detail }) => {
      const { code, decision } = JSON.parse(detail) as { code?: string; decision?: string };
      return [action.replace("approval.", ""), code ?? decision].filter(Boolean).join(" ");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.repository[Symbol.asyncDispose]();
    await rm(this.home, { recursive: true, force: true });
  }
}

export async function approvalWorld(files: Record<string, string> = {}): Promise<ApprovalWorld> {
  const repository = await temporaryRepository({ [SPEC]: BEFORE, ...files });
  const home = await mkdtemp(join(tmpdir(), "specloop-person-"));
  const world = new ApprovalWorld(repository, { home, git: await openGit(repository.path) });
  await world.start();
  return world;
}

/** The code of what was thrown. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "accepted",
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
}
