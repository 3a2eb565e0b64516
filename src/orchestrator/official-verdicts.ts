import type { Git } from "../adapters/git/index.ts";
import type { Validator, Verdict } from "../adapters/openspec/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { judgeChange } from "./judge.ts";
import type { RootKeeper } from "./keeper.ts";
import type { OpenspecOptions } from "./options.ts";
import type { ChangeState } from "./state.ts";
import { VerdictQueue, type VerdictJob } from "./verdicts.ts";

interface OfficialVerdictParts {
  git: Git;
  validator: Validator;
  events: Emitter;
  logger: Logger;
  options: Live<OpenspecOptions>;
  /** By the name of its root. */
  keeper(root: string): RootKeeper | undefined;
}

/** OpenSpec's own verdicts: asked for in the background or at once, kept with the change that they were given for. */
export class OfficialVerdicts implements AsyncDisposable {
  readonly #parts: OfficialVerdictParts;
  readonly #queue: VerdictQueue;

  constructor(parts: OfficialVerdictParts) {
    this.#parts = parts;
    this.#queue = new VerdictQueue(parts.logger, (job, verdict) => this.#keep(job, verdict));
  }

  idle(): Promise<void> {
    return this.#queue.idle();
  }

  problemOf(hash: string): ReturnType<VerdictQueue["problemOf"]> {
    return this.#queue.problemOf(hash);
  }

  /** Asks for those that are missing. A look at everything also asks whether another OpenSpec judges by now. */
  async want(keeper: RootKeeper, everything: boolean): Promise<void> {
    if (this.#parts.options.current.validator === "off") return;
    const found = everything ? await this.#parts.validator.installation() : null;
    const wanting = keeper.withoutVerdict(found?.kind === "package" ? found.version : null);
    for (const state of wanting) this.#queue.add(this.#job(keeper, state));
  }

  /** Asks now. Throws `unsupported` for what is over, `no_validator`. */
  async check(keeper: RootKeeper, state: ChangeState, signal: AbortSignal): Promise<Verdict> {
    const { id, stage } = state;
    if (stage === "archived" || stage === "abandoned") {
      const message = `${id} is ${stage}; OpenSpec judges changes that are under way.`;
      throw new SpecloopError("unsupported", message, { target: id });
    }
    const job = this.#job(keeper, state);
    const verdict = await job.judge(signal);
    await this.#keep(job, verdict);
    return verdict;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#queue[Symbol.asyncDispose]();
  }

  #job(keeper: RootKeeper, state: ChangeState): VerdictJob {
    const { validator, git } = this.#parts;
    const judge = (signal: AbortSignal) => judgeChange(state, keeper.root, { validator, git }, signal);
    return { root: keeper.root.name, change: state.id, hash: state.verdictHash, judge };
  }

  async #keep(job: VerdictJob, verdict: Verdict): Promise<void> {
    const kept = await this.#parts.keeper(job.root)?.keepVerdict(job.change, job.hash, verdict);
    if (!kept) return;
    const count = (level: string) => verdict.issues.filter((issue) => issue.level === level).length;
    const { valid, version, ms } = verdict;
    const counts = { errors: count("ERROR"), warnings: count("WARNING") };
    const { change: changeId, root } = job;
    this.#parts.events.emit("change.validated", { changeId, root, valid, version, ...counts, ms });
  }
}
