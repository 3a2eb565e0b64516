import { toSpecloopError } from "../../foundation/errors.ts";
import type { CliContext } from "../context.ts";
import { openStage, type Stage } from "./stage.ts";
import type { Step } from "./step.ts";
import { changeIsSaved } from "./steps/changes.ts";
import { documentIsEdited, specIsProposed } from "./steps/documents.ts";
import { cycleProposes, harmIsReverted, mergeApproves, samplesComeIn } from "./steps/loop.ts";
import { questionIsAnswered, questionWaits } from "./steps/questions.ts";

/** The story, in order. */
const STEPS: Step[] = [
  changeIsSaved,
  questionIsAnswered,
  questionWaits,
  documentIsEdited,
  specIsProposed,
  samplesComeIn,
  cycleProposes,
  mergeApproves,
  harmIsReverted,
];

interface Played {
  title: string;
  ok: boolean;
  ms: number;
  lines: string[];
}

/** Plays the story and says what happened; the exit code is 0 only when every step did what it should. */
export async function runDemo(
  context: CliContext,
  options: { path: string | undefined; keep: boolean },
): Promise<number> {
  const { output, signal } = context;
  const started = performance.now();
  const played: Played[] = [];
  const clear = output.progress("making a temporary repository and starting a daemon for it …");
  await using stage = await openStage(context, options).finally(clear);
  output.note(output.style("bold", "specloop demo"));
  for (const line of stage.introduction) output.note(`  ${line}`);
  for (const [index, step] of STEPS.entries()) {
    signal.throwIfAborted();
    const clear = output.progress(`… ${index + 1}. ${step.title}`);
    const result = await play(step, stage);
    clear();
    played.push(result);
    show(context, index + 1, result);
    if (!result.ok) break;
  }
  const stopped = await play({ title: "Ctrl-C stops the daemon", run: () => stage.stopDaemon() }, stage);
  played.push(stopped);
  show(context, STEPS.length + 1, stopped);
  const ok = played.every((result) => result.ok);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (output.json) output.result({ ok, seconds: Number(seconds), steps: played }, () => "");
  else
    output.note(
      ok ? output.style("green", `\nEverything worked, in ${seconds} s.`) : output.style("red", "\nA step failed."),
    );
  return ok ? 0 : 1;
}

async function play(step: Step, stage: Stage): Promise<Played> {
  const started = performance.now();
  const { title } = step;
  try {
    const lines = await step.run(stage);
    return { title, ok: true, ms: Math.round(performance.now() - started), lines };
  } catch (thrown) {
    const { message, fix } = toSpecloopError(thrown);
    return {
      title,
      ok: false,
      ms: Math.round(performance.now() - started),
      lines: [message, fix, ...stage.daemonComplaints()],
    };
  }
}

function show({ output }: CliContext, number: number, { title, ok, ms, lines }: Played): void {
  const mark = ok ? output.style("green", "✓") : output.style("red", "✗");
  output.note(`\n${mark} ${output.style("bold", `${number}. ${title}`)} ${output.style("dim", `${ms} ms`)}`);
  for (const line of lines) output.note(`    ${line}`);
}
