import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import { withoutRepositoryPath } from "../../foundation/paths.ts";
import type { HealthCheck } from "../../foundation/health.ts";
import type { Logger } from "../../foundation/logger.ts";
import { archiveByCommand, type ArchiveReport } from "./archive-cli.ts";
import { locate, type Installation } from "./locate.ts";
import type { Verdict } from "./port.ts";
import { refuseUnreadable } from "./readable.ts";
import { isValid, verdictByCommand } from "./verdict-cli.ts";
import { VerdictThread } from "./verdict-thread.ts";

export interface ValidatorParts {
  /** Top of the repository. */
  worktree: string;
  /** Folders from which OpenSpec is looked for when neither the project's own may be used nor the PATH has one. */
  searchFrom: string[];
  /** Whether OpenSpec as installed in the repository may be run; never from a file of the repository. */
  trustProjectInstallation: boolean;
  env: NodeJS.ProcessEnv;
  logger: Logger;
  /** Larger files are not given to OpenSpec, which reads them whole; bytes. */
  maxFileBytes?: () => number;
  /** The thread ends after so long without work, milliseconds: it keeps some 76 MB. */
  idleMs?: number;
}

/** Longest that one change may take. */
const TIMEOUT_MS = 30_000;

const MAX_FILE_BYTES = 1024 * 1024;

/** Long enough for the saves of one sitting; loading OpenSpec again takes half a second that nobody waits for. */
const IDLE_MS = 10_000;

const ADVICE =
  "Install it: npm install --global @fission-ai/openspec. To use the one that the repository brings along, which runs its code, start with SPECLOOP_TRUST_PROJECT_OPENSPEC=1.";

/** OpenSpec's own verdict on changes, strict. Nothing is looked for or loaded before the first question. */
export class Validator implements AsyncDisposable {
  readonly #parts: ValidatorParts;
  readonly #env: NodeJS.ProcessEnv;
  #thread: { directory: string; version: string; thread: VerdictThread } | null = null;
  /** Packages that cannot be loaded, and why: their command line serves. */
  readonly #unusable = new Map<string, string>();

  constructor(parts: ValidatorParts) {
    this.#parts = parts;
    // `#!/usr/bin/env node` looks on the PATH, too.
    const env = parts.trustProjectInstallation ? parts.env : withoutRepositoryPath(parts.env, parts.worktree);
    this.#env = { ...env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  }

  /** Which OpenSpec would judge, null when there is none. Looks anew each time: it may have been installed meanwhile. */
  installation(): Promise<Installation | null> {
    return locate({ ...this.#parts });
  }

  /**
   * Judges a change on disk; `project` is the folder that holds `openspec/`. Throws `no_validator`,
   * `document_too_large`, `document_not_text`, `document_too_complex`.
   */
  async check(project: string, change: string, signal?: AbortSignal): Promise<Verdict> {
    const installation = await this.installation();
    if (!installation) throw new SpecloopError("no_validator", "No OpenSpec was found.", { fix: ADVICE });
    await refuseUnreadable(project, change, this.#parts.maxFileBytes?.() ?? MAX_FILE_BYTES);
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await this.#judge(
        installation,
        { project, change },
        AbortSignal.any([timeout, ...(signal ? [signal] : [])]),
      );
    } catch (error) {
      if (!timeout.aborted || signal?.aborted) throw error;
      const message = `OpenSpec did not come to a verdict on ${change} within ${TIMEOUT_MS / 1000} s.`;
      throw new SpecloopError("document_too_complex", message, { target: change, cause: error });
    }
  }

  /**
   * OpenSpec's own command archives the change in `project`, which it writes to. Throws `no_validator`, `archive_refused`,
   * `document_too_large`, `document_not_text`.
   */
  async archive(project: string, change: string, signal: AbortSignal): Promise<ArchiveReport> {
    const installation = await this.installation();
    if (!installation)
      throw new SpecloopError("no_validator", "No OpenSpec was found to archive with.", { fix: ADVICE });
    await refuseUnreadable(project, change, this.#parts.maxFileBytes?.() ?? MAX_FILE_BYTES);
    return archiveByCommand({ installation, project, change, env: this.#env, signal });
  }

  async #judge(
    installation: Installation,
    { project, change }: { project: string; change: string },
    limit: AbortSignal,
  ): Promise<Verdict> {
    const request = { installation, project, change, env: this.#env, signal: limit };
    const thread = await this.#threadFor(installation);
    if (!thread || installation.kind === "command") {
      const note = this.#whyCommand(installation);
      return { ...(await verdictByCommand(request)), ...(note === null ? {} : { note }) };
    }
    const { issues, ms } = await thread.ask(project, change, limit);
    const { version, source } = installation;
    return { valid: isValid(issues), version, source, issues, ms: Math.round(ms * 10) / 10 };
  }

  /**
   * Judges a change that is not on disk: `files` holds everything of its planning root that the verdict needs, by path
   * below `openspec/`.
   */
  async checkFiles(change: string, files: Map<string, string | Uint8Array>, signal?: AbortSignal): Promise<Verdict> {
    const project = await mkdtemp(join(tmpdir(), "specloop-change-"));
    try {
      for (const [path, content] of files) {
        const file = join(project, "openspec", path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      }
      return await this.check(project, change, signal);
    } finally {
      await rm(project, { recursive: true, force: true });
    }
  }

  health(): HealthCheck {
    return {
      name: "openspec",
      summary: "Looks for the OpenSpec that gives the official verdict.",
      run: async () => {
        const found = await this.installation();
        if (!found)
          return { status: "warning", message: "No OpenSpec was found; changes get no official verdict.", fix: ADVICE };
        const what = found.kind === "package" ? `OpenSpec ${found.version} in ${found.directory}` : found.executable;
        const note = this.#whyCommand(found);
        if (note === null) return { status: "ok", message: `${what} gives the official verdict.` };
        return { status: "warning", message: `${what}: ${note}`, fix: "Install a version that specloop knows." };
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.thread[Symbol.asyncDispose]();
    this.#thread = null;
  }

  #whyCommand(installation: Installation): string | null {
    const reason = installation.kind === "package" ? this.#unusable.get(keyOf(installation)) : undefined;
    return reason === undefined ? null : `It cannot be loaded (${reason}), so its slower command line is asked.`;
  }

  /** The thread with this installation, or null when it cannot be loaded. */
  async #threadFor(installation: Installation): Promise<VerdictThread | null> {
    if (installation.kind === "command") return null;
    const { directory, version } = installation;
    const key = keyOf(installation);
    if (this.#unusable.has(key)) return null;
    const last = this.#thread;
    const isSame = last?.directory === directory && last.version === version && !last.thread.ended;
    if (last && !isSame) void last.thread[Symbol.asyncDispose]();
    const thread = isSame ? last.thread : new VerdictThread(directory, this.#env, this.#parts.idleMs ?? IDLE_MS);
    this.#thread = { directory, version, thread };
    try {
      await thread.ready();
      return thread;
    } catch (error) {
      this.#unusable.set(key, error instanceof Error ? error.message : String(error));
      this.#parts.logger.warn(
        { err: error, directory, version },
        "this OpenSpec cannot be loaded; its command line is used",
      );
      return null;
    }
  }
}

function keyOf({ directory, version }: { directory: string; version: string }): string {
  return `${directory}@${version}`;
}

/** Whether the person who started the daemon lets it run what the repository has installed. */
export function trustsProjectInstallation(env: NodeJS.ProcessEnv): boolean {
  return env["SPECLOOP_TRUST_PROJECT_OPENSPEC"] === "1";
}
