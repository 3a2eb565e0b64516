import type { Idempotency } from "../access/index.ts";
import type { Llm } from "../adapters/llm/index.ts";
import type { Notices, Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { EventBus } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";
import type { FileList } from "./corpus.ts";
import type { QuestionOptions } from "./options.ts";
import type { CommittedDocuments, PeopleParts } from "./people/index.ts";
import type { DocumentSearch } from "./search/port.ts";
import type { ReadScope } from "./session/conversations.ts";
import type { QuestionTables, QuestionTelemetryTables } from "./tables.ts";
import type { ToolAnswers } from "./tool-answers.ts";

export interface QuestionRouterDependencies {
  /** The core database: questions and answers. */
  store: Store<QuestionTables>;
  /** What daemons that share the store tell each other. */
  notices: Notices;
  /** The telemetry database: asks and rungs. */
  telemetry: Store<QuestionTelemetryTables>;
  /** Owned by the caller: it is not disposed here. */
  index: DocumentSearch;
  git: FileList & Partial<CommittedDocuments>;
  /** Top of the worktree, absolute. */
  root: string;
  /** What people need of the neighbours; without it nothing is written into documents and nobody is notified. */
  people?: PeopleParts;
  /** Whether a person registered an agent of this name, whose token alone makes it; absent: nobody did. */
  hasToken?(name: string): boolean;
  /** The tools of downstream servers that answer questions. */
  tools?: ToolAnswers | null;
  /** Null when no model is configured. */
  llm: Llm | null;
  /** What an asker may read; everybody everything when absent. */
  scopeOf?(principal: Principal): ReadScope | null;
  idempotency: Idempotency;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<QuestionOptions>;
}
