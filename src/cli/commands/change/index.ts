import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { registerArchive } from "./archive.ts";
import { registerCheck } from "./check.ts";
import { registerGraph } from "./graph.ts";
import { registerHistory } from "./history.ts";
import { registerList } from "./list.ts";
import { registerMerge } from "./merge.ts";
import { registerPropose } from "./propose.ts";
import { registerQuestions } from "./questions.ts";
import { registerShow } from "./show.ts";
import { registerUnarchive } from "./unarchive.ts";

/** The words after `specloop change`, in the order in which help lists them; a file each. */
const WORDS: ((change: Command, bind: Bind) => void)[] = [
  registerList,
  registerShow,
  registerCheck,
  registerMerge,
  registerPropose,
  registerQuestions,
  registerArchive,
  registerUnarchive,
  registerHistory,
  registerGraph,
];

export function registerChange(program: Command, bind: Bind): void {
  const change = program.command("change").description("one change: show, check and carry it to its end");
  for (const register of WORDS) register(change, bind);
}
