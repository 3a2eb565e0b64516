import type { Command } from "commander";
import type { Bind } from "../bind.ts";
import { registerAgent } from "./agent.ts";
import { registerAnswer } from "./answer.ts";
import { registerApprovals } from "./approvals.ts";
import { registerApprove } from "./approve.ts";
import { registerApprover } from "./approver.ts";
import { registerAsk } from "./ask.ts";
import { registerAudit } from "./audit.ts";
import { registerCall } from "./call.ts";
import { registerChange } from "./change/index.ts";
import { registerChanges } from "./changes.ts";
import { registerDemo } from "./demo.ts";
import { registerDoc } from "./doc/index.ts";
import { registerDoctor } from "./doctor.ts";
import { registerInbox } from "./inbox.ts";
import { registerInit } from "./init.ts";
import { registerJudge } from "./judge.ts";
import { registerLoop } from "./loop.ts";
import { registerMcp } from "./mcp.ts";
import { registerMetrics } from "./metrics.ts";
import { registerQuick } from "./quick.ts";
import { registerQuestions } from "./questions.ts";
import { registerServer } from "./server/index.ts";
import { registerStatus } from "./status.ts";
import { registerStop } from "./stop.ts";
import { registerUp } from "./up.ts";
import { registerWorker } from "./worker.ts";
import { registerRun } from "./run/index.ts";
import { registerWorkflow } from "./workflow/index.ts";

/** Every command, in the order in which help lists them. */
export const COMMANDS: ((program: Command, bind: Bind) => void)[] = [
  registerInit,
  registerUp,
  registerWorker,
  registerMcp,
  registerStatus,
  registerStop,
  registerDoctor,
  registerCall,
  registerAsk,
  registerQuestions,
  registerAnswer,
  registerJudge,
  registerInbox,
  registerChanges,
  registerChange,
  registerDoc,
  registerApprovals,
  registerApprove,
  registerApprover,
  registerServer,
  registerLoop,
  registerMetrics,
  registerWorkflow,
  registerRun,
  registerQuick,
  registerAgent,
  registerAudit,
  registerDemo,
];
