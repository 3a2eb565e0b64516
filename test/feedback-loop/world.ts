import { mkdtemp, readFile, rm, writeFile, mkdir } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Arrivals, openGit, type Git } from "../../src/adapters/git/index.ts";
import type { Llm } from "../../src/adapters/llm/index.ts";
import { migrate, openSqliteStore, type Store } from "../../src/adapters/store/index.ts";
import { readYaml } from "../../src/adapters/yaml/index.ts";
import { FeedbackLoop, migrations, options, telemetryMigrations } from "../../src/feedback-loop/index.ts";
import type {
  Documents,
  LoopApprovals,
  LoopOptions,
  LoopTables,
  Proposals,
  RecordedQuestion,
  Replay,
  ReplayEnvironment,
  ReplayOutcome,
  SampleTables,
  Tunables,
} from "../../src/feedback-loop/index.ts";
import { systemClock, type Clock } from "../../src/foundation/clock.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { EventBus, type EventName } from "../../src/foundation/events.ts";
import { gitBlobId } from "../../src/foundation/hash.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";

const DEFAULT_SCORE = 0.6;
const KEY = "questions.documents.minScore";

/** A recorded question: documents answer it when `minScore` is at most `score`, or when one of them holds `known`. */
export interface KnownQuestion {
  score: number;
  right: boolean;
  split: "train" | "validation";
  text?: string;
  /** Text that a document must hold for a right answer, whatever the score. */
  known?: string;
  /** Nobody had an answer: whatever documents say to it is wrong. */
  shouldDecline?: boolean;
  askedAt?: number;
}

export interface WorldOptions {
  questions?: KnownQuestion[];
  loop?: Record<string, unknown>;
  llm?: Llm | null;
  /** The approvals that the loop asks, over this world. */
  approvals?: (world: World) => Promise<LoopApprovals>;
}

/** The loop over a real repository and real databases; the rooms it asks are small but really write and commit. */
export class World implements AsyncDisposable {
  events = new EventBus(silentLogger);
  readonly seen: { name: EventName; payload: unknown }[] = [];
  readonly repository: TemporaryRepository;
  readonly git: Git;
  readonly #directory: string;
  readonly #given: WorldOptions;
  questions: RecordedQuestion[];
  #known: Map<string, KnownQuestion>;
  documents: Documents;
  proposals: Proposals;
  replay: Replay;
  /** Added to the wall clock. */
  offset = 0;
  loop!: FeedbackLoop;
  core!: Store<LoopTables>;
  samples!: Store<SampleTables>;

  constructor(
    repository: TemporaryRepository,
    git: Git,
    { directory, given }: { directory: string; given: WorldOptions },
  ) {
    this.repository = repository;
    this.git = git;
    this.#directory = directory;
    this.#given = given;
    this.#known = new Map();
    this.questions = [];
    this.ask(given.questions ?? []);
    this.documents = new RepositoryDocuments(repository, git);
    this.proposals = branchProposals(git);
    this.replay = {
      recorded: (filter) => this.#recorded(filter),
      replay: (asked, environment) => this.#replay(asked, environment),
    };
    this.#listen();
  }

  ask(questions: KnownQuestion[]): void {
    for (const known of questions) {
      const questionId = `q-${String(this.questions.length + 1).padStart(4, "0")}`;
      this.#known.set(questionId, known);
      this.questions.push({
        questionId,
        text: known.text ?? `What does part ${questionId} do?`,
        kind: "fact",
        accepted: known.shouldDecline ? null : { text: known.known ?? "It works.", citations: [] },
        shouldDecline: known.shouldDecline ?? false,
        judged: null,
        split: known.split,
        askedAt: known.askedAt ?? Date.now() - 86_400_000,
      });
    }
  }

  get clock(): Clock {
    return { ...systemClock, now: () => Date.now() + this.offset };
  }

  /** A new process on the same databases and repository. */
  async start(): Promise<FeedbackLoop> {
    this.core = openSqliteStore(join(this.#directory, "core.db"), "full").as<LoopTables>();
    this.samples = openSqliteStore(join(this.#directory, "telemetry.db"), "normal").as<SampleTables>();
    await migrate(this.core.as<unknown>(), [migrations], Date.now());
    await migrate(this.samples.as<unknown>(), [telemetryMigrations], Date.now());
    const current: LoopOptions = options.schema.parse({ analysisMs: 60_000, ...this.#given.loop });
    this.loop = new FeedbackLoop({
      store: this.core,
      samples: this.samples,
      events: this.events,
      clock: this.clock,
      logger: silentLogger,
      options: { current },
      git: this.git,
      arrivals: new Arrivals({ places: this.git.places }),
      approvals: await this.#given.approvals?.(this),
      proposals: this.proposals,
      documents: this.documents,
      replay: this.replay,
      tunables: this.tunables,
      llm: this.#given.llm ?? null,
    });
    await this.loop.start(new AbortController().signal);
    return this.loop;
  }

  async stop(): Promise<void> {
    await this.loop[Symbol.asyncDispose]();
    await this.core[Symbol.asyncDispose]();
    await this.samples[Symbol.asyncDispose]();
  }

  /** As after kill -9: whatever the old process waits for never returns, and a new one starts on its databases. */
  async crash(): Promise<FeedbackLoop> {
    this.events = new EventBus(silentLogger);
    this.#listen();
    return this.start();
  }

  #listen(): void {
    this.events.onAny((name, payload) => this.seen.push({ name, payload }));
  }

  async restart(): Promise<FeedbackLoop> {
    await this.stop();
    return this.start();
  }

  async cycle() {
    return this.loop.runCycle(new AbortController().signal);
  }

  /** Merges as a person does and lets the loop see it. */
  async merge(branch: string, ...flags: string[]): Promise<void> {
    await this.repository.git("merge", "--quiet", ...flags, branch);
    this.events.emit("git.refs_moved", { head: null, branch: "main" });
    await this.loop.settle();
  }

  /** The value of the setting in the committed configuration. */
  async committedScore(): Promise<unknown> {
    const text = (await this.git.read("HEAD", "specloop.yaml"))?.toString("utf8") ?? "";
    return scoreIn(text);
  }

  emitted(name: EventName): unknown[] {
    return this.seen.filter((event) => event.name === name).map(({ payload }) => payload);
  }

  /** The setting in force: what the configuration in the working tree says. */
  get score(): number {
    return scoreIn(readFileSync(join(this.repository.path, "specloop.yaml"), "utf8")) ?? DEFAULT_SCORE;
  }

  get tunables(): Tunables {
    return { [KEY]: { range: { min: 0, max: 1, step: 0.05 }, current: () => this.score } };
  }

  async #recorded({ limit, split }: { limit: number; split?: "train" | "validation" }): Promise<RecordedQuestion[]> {
    return this.questions.filter((question) => split === undefined || question.split === split).slice(0, limit);
  }

  async #replay(
    asked: RecordedQuestion[],
    { options: set, documents = {} }: ReplayEnvironment,
  ): Promise<ReplayOutcome[]> {
    const minScore = Number(set["documents.minScore"] ?? this.score);
    const files = await this.git.list("HEAD", "openspec");
    const texts = new Map<string, string>();
    for (const path of files.keys()) texts.set(path, (await this.git.read("HEAD", path))?.toString("utf8") ?? "");
    for (const [path, text] of Object.entries(documents)) texts.set(path, text ?? "");
    const corpus = [...texts]
      .filter(([path]) => !path.startsWith("openspec/changes/"))
      .map(([, text]) => text)
      .join("\n");
    return asked.map(({ questionId }) => this.#answer(questionId, { minScore, corpus }));
  }

  #answer(questionId: string, { minScore, corpus }: { minScore: number; corpus: string }): ReplayOutcome {
    const { score, right, known, shouldDecline = false } = this.#known.get(questionId)!;
    const written = known !== undefined && corpus.includes(known);
    const answered = written || score >= minScore;
    return {
      questionId,
      status: answered ? "answered" : "declined",
      route: answered ? "documents" : null,
      text: answered ? "It works." : "",
      citations: [],
      right: answered ? !shouldDecline && (written || right) : shouldDecline,
      ms: 1,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {});
    await this.repository[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

export async function openWorld(given: WorldOptions = {}): Promise<World> {
  const repository = await temporaryRepository({
    "README.md": "# Example\n",
    "openspec/project.md": "# Project\n",
    "specloop.yaml": "# how we work\nquestions:\n  documents:\n    minScore: 0.6 # tried by hand\n",
  });
  const git = await openGit(repository.path);
  const directory = await mkdtemp(join(tmpdir(), "specloop-loop-"));
  const world = new World(repository, git, { directory, given });
  await world.start();
  return world;
}

function scoreIn(text: string): number | undefined {
  const config = readYaml(text, "specloop.yaml") as { questions?: { documents?: { minScore?: number } } } | null;
  return config?.questions?.documents?.minScore;
}

/** `n` questions of one kind in one split. */
export function questions(
  n: number,
  question: Omit<KnownQuestion, "split">,
  split: KnownQuestion["split"],
): KnownQuestion[] {
  return Array.from({ length: n }, () => ({ ...question, split }));
}

/** Writes and commits for real; conflicts are noticed by revision, as the document manager does. */
class RepositoryDocuments implements Documents {
  readonly #repository: TemporaryRepository;
  readonly #git: Git;

  constructor(repository: TemporaryRepository, git: Git) {
    this.#repository = repository;
    this.#git = git;
  }

  async read(path: string) {
    try {
      const content = await readFile(join(this.#repository.path, path), "utf8");
      return { content, revision: gitBlobId(content) };
    } catch (cause) {
      throw new SpecloopError("unknown_document", `There is no ${path}.`, { target: path, cause });
    }
  }

  async update(request: Parameters<Documents["update"]>[0]) {
    let changed = false;
    for (const { path, edits, baseRevision } of request.files) {
      const file = join(this.#repository.path, path);
      const old = await readFile(file, "utf8").catch(() => null);
      if (baseRevision !== undefined && gitBlobId(old ?? "") !== baseRevision)
        throw new SpecloopError("stale_revision", path);
      const text = edits.reduce((content, edit) => {
        if (edit.kind === "write") return edit.content;
        if (edit.kind === "replace_text" && content.includes(edit.find))
          return content.replace(edit.find, edit.replace);
        throw new SpecloopError("unknown_section", `nothing fits in ${path}`);
      }, old ?? "");
      changed ||= text !== old;
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    if (!changed)
      return { status: "unchanged" as const, commit: null, branch: null, files: [], message: "nothing to do" };
    return this.#commit(
      request.reason,
      request.files.map(({ path }) => path),
      request.origin?.proposal,
    );
  }

  async revert({ commit, reason, origin }: Parameters<Documents["revert"]>[0]) {
    const paths = (await this.#repository.git("diff", "--name-only", `${commit}^`, commit)).split("\n");
    for (const path of paths) {
      const ours = (await this.#git.read(commit, path))?.toString("utf8");
      if ((await this.read(path)).content !== ours) throw new SpecloopError("stale_revision", `${path} changed since`);
    }
    for (const path of paths) {
      const before = await this.#git.read(`${commit}^`, path);
      if (before) await writeFile(join(this.#repository.path, path), before);
      else await rm(join(this.#repository.path, path));
    }
    return this.#commit(reason, paths, origin?.proposal);
  }

  async #commit(message: string, paths: string[], proposal: string | undefined) {
    const trailers = {
      "Specloop-Principal": "system:feedback-loop",
      ...(proposal ? { "Specloop-Proposal": proposal } : {}),
    };
    const commit = await this.#git.commitOnly({ paths, message, trailers });
    return { status: "committed" as const, commit, branch: "main", files: [], message: "committed" };
  }
}

function branchProposals(git: Git): Proposals {
  return {
    propose: async (draft, { trailers }) => {
      const { commit: parent } = await git.head();
      const files = new Map([
        ["proposal.md", draft.why],
        ["design.md", draft.design ?? ""],
        ...Object.entries(draft.extraFiles),
      ]);
      files.set(
        "tasks.md",
        draft.tasks
          .flatMap(({ items }, group) => items.map((item, index) => `- [ ] ${group + 1}.${index + 1} ${item}`))
          .join("\n"),
      );
      const inFolder = [...files].map(([name, content]) => [`openspec/changes/${draft.id}/${name}`, content] as const);
      const branch = `specloop/${draft.id}`;
      const commit = await git.commitToBranch({
        ref: `refs/heads/${branch}`,
        parent: parent!,
        expected: null,
        files: new Map(inFolder),
        message: `Propose ${draft.id}`,
        trailers,
      });
      return { changeId: draft.id, branch, commit };
    },
  };
}
