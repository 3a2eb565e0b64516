import { globMatcher } from "../../foundation/glob.ts";
import type { Live } from "../../foundation/options.ts";
import type { QuestionOptions } from "../options.ts";
import type { AnswerWriter, CommittedDocuments } from "./port.ts";

interface Dependencies {
  git: Partial<CommittedDocuments>;
  writer: Pick<AnswerWriter, "waitsForPerson"> | null;
  options: Live<QuestionOptions>;
}

/** What a change only proposes, an archive remembers, or the loop has learnt, allows nothing, whatever the options say. */
const NEVER = globMatcher(["**/openspec/{changes,lessons}/**", "**/.*/**"], { ignoreCase: true });

/**
 * Which documents may say what somebody is allowed to do. Agents write documents, too: one that allows something counts
 * only where an agent's edit waits for a person, and only as it is committed, so that neither a proposal nor a draft in
 * the working tree gives a permission.
 */
export class InForce {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Whether this path may ever say it. */
  isAuthority(path: string): boolean {
    const { options, writer } = this.#deps;
    if (NEVER(path) || !globMatcher(options.current.authority.globs)(path)) return false;
    return writer?.waitsForPerson(path) ?? true;
  }

  /** Whether every one of these is what HEAD has. Without git nothing is. */
  async holds(cited: { path: string; revision: string }[]): Promise<boolean> {
    const recorded = await this.#deps.git.recorded?.(cited.map(({ path }) => path));
    return recorded !== undefined && cited.every(({ path, revision }) => recorded.get(path)?.head === revision);
  }
}
