import { tools as documentTools, type DocumentManager } from "./document-manager/index.ts";
import { tools as loopTools, type FeedbackLoop } from "./feedback-loop/index.ts";
import type { Tool } from "./foundation/tool.ts";
import { tools as changeTools, type Orchestrator } from "./orchestrator/index.ts";
import { tools as questionTools, type QuestionRouter } from "./question-router/index.ts";

/** The rooms that tools reach. */
export interface Rooms {
  changes: Orchestrator;
  documents: DocumentManager;
  questions: QuestionRouter;
  loop: FeedbackLoop;
}

/** The one table of tools: MCP, REST, the CLI and the reference read it. A tool is defined in its room's `tools.ts`. */
export function allTools(rooms: Rooms): Tool[] {
  return [
    ...questionTools(rooms.questions),
    ...changeTools(rooms.changes),
    ...documentTools(rooms.documents),
    ...loopTools(rooms.loop),
  ];
}
