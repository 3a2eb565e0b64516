import { tools as accessTools, type Access } from "./access/index.ts";
import { tools as approvalTools, type ApprovalService } from "./access/approvals/index.ts";
import { tools as documentTools, type DocumentManager } from "./document-manager/index.ts";
import { tools as loopTools, type FeedbackLoop } from "./feedback-loop/index.ts";
import type { Tool } from "./foundation/tool.ts";
import {
  archiveTools,
  lineageTools,
  processingTools,
  tools as changeTools,
  type Archives,
  type ChangeProcessor,
  type Lineage,
  type Orchestrator,
} from "./orchestrator/index.ts";
import { type Passages, passagesTool, tools as questionTools, type QuestionRouter } from "./question-router/index.ts";
import { tools as serverTools, type DownstreamServers } from "./tool-servers/index.ts";
import {
  definitionTools,
  runTools,
  trustTools,
  type WorkflowCatalogue,
  type WorkflowEngine,
  type WorkflowTrusts,
  bookTools,
  type WorkflowBooks,
} from "./workflow-engine/index.ts";

/** The rooms that tools reach. */
export interface Rooms {
  changes: Orchestrator;
  archives: Archives;
  lineage: Lineage;
  processing: ChangeProcessor;
  documents: DocumentManager;
  /** The documents of another worktree of the repository; null for the served one. */
  documentsIn?: (worktree: string) => Promise<DocumentManager | null>;
  questions: QuestionRouter;
  passages: Passages;
  loop: FeedbackLoop;
  servers: DownstreamServers;
  definitions: WorkflowCatalogue;
  workflows: WorkflowEngine;
  books: WorkflowBooks;
  trusts: WorkflowTrusts;
  access: Access;
  approvals: ApprovalService;
}

/** The one table of tools: MCP, REST, the CLI and the reference read it. A tool is defined in its room's `tools.ts`. */
export function allTools(rooms: Rooms): Tool[] {
  const all: Tool[] = [];
  all.push(
    ...questionTools(rooms.questions),
    passagesTool(rooms.passages),
    ...changeTools(rooms.changes),
    ...archiveTools(rooms.archives),
    ...lineageTools(rooms.lineage),
    ...processingTools(rooms.processing),
    ...documentToolsIn(rooms),
    ...loopTools(rooms.loop),
    ...definitionTools(rooms.definitions),
    ...runTools(rooms.workflows),
    ...bookTools(rooms.books),
    ...trustTools(rooms.trusts),
    ...accessTools(rooms.access),
    ...approvalTools(rooms.approvals),
    ...serverTools(rooms.servers, {
      own: () => all,
      mayCall: (principal, tool) => rooms.access.gate.mayCall(principal, tool),
    }),
  );
  return all;
}

/** The document tools of the caller's own worktree: the paths that it names are relative to that one. */
function documentToolsIn({ documents, documentsIn }: Rooms): Tool[] {
  const made = new WeakMap<DocumentManager, Tool[]>();
  const toolsOf = (room: DocumentManager) => {
    const tools = made.get(room) ?? documentTools(room);
    made.set(room, tools);
    return tools;
  };
  return documentTools(documents).map((tool, index) => ({
    ...tool,
    run: async (input, context) => {
      const room = context.worktree === undefined ? null : await documentsIn?.(context.worktree);
      return (room ? toolsOf(room)[index]! : tool).run(input, context);
    },
  }));
}
