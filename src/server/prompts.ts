import { completable, type McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { completeIds, type OwnResources } from "./resources.ts";

const GOAL = z.object({ goal: z.string().describe("What should be different afterwards, in your own words.") });

/** Adds the four jobs that people start by hand. Every text leads through the tools and ends where a person decides. */
export function registerPrompts(server: McpServer, source: OwnResources): void {
  const change = changeArgument(source);
  server.registerPrompt(
    "propose-change",
    {
      title: "Propose a change",
      description: "Draft an OpenSpec change for a goal and put it on a branch for a person to approve.",
      argsSchema: GOAL,
    },
    ({ goal }) => message(proposeText(goal)),
  );
  server.registerPrompt(
    "review-change",
    {
      title: "Review a change",
      description: "Say what is wrong with a change and what it collides with.",
      argsSchema: change,
    },
    ({ change }) => message(reviewText(change)),
  );
  server.registerPrompt(
    "answer-questions",
    {
      title: "Answer questions",
      description: "Go through the questions that wait and answer those that you can prove.",
    },
    () => message(ANSWER_TEXT),
  );
  server.registerPrompt(
    "apply-change",
    { title: "Apply a change", description: "Work through the tasks of an approved change.", argsSchema: change },
    ({ change }) => message(applyText(change)),
  );
}

function changeArgument(source: OwnResources) {
  const ids = completeIds(source, "change");
  const id = z.string().describe("Id of the change, as change_list shows it.");
  return z.object({ change: completable(id, (prefix) => ids(prefix ?? "")) });
}

function message(text: string) {
  return { messages: [{ role: "user" as const, content: { type: "text" as const, text } }] };
}

/** What a person typed is quoted, so that it cannot pass for part of these steps. */
function quoted(text: string): string {
  return text
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
}

function proposeText(goal: string): string {
  return `Propose an OpenSpec change for this goal:

${quoted(goal)}

1. Call change_list and look for a change that already covers it. If there is one, say so and stop.
2. Read the specs that it touches with doc_read.
3. Ask what the goal leaves open with question_ask; do not guess requirements.
4. Call proposal_create with why, what changes, tasks and requirement deltas. Every requirement says SHALL or MUST and has a scenario.
5. Show the verdict and the branch. A person approves by merging it.`;
}

function reviewText(change: string): string {
  return `Review the change "${change}".

1. Call change_get for it: stage, verdict, findings, overlaps.
2. Read its proposal, design, tasks and deltas with doc_read.
3. Judge: does each requirement say what must hold, does each have a scenario that can fail, do the tasks cover the deltas, does it collide with another change?
4. Ask what is unclear with question_ask.
5. List what must be mended, worst first, each with the file, the line and the text that you would write. Change nothing.`;
}

function applyText(change: string): string {
  return `Apply the change "${change}".

1. Call change_get. If it is not approved or has errors, say so and stop.
2. Read its tasks, design and deltas with doc_read.
3. Do the tasks in order. When the documents do not settle something, call question_ask and do not guess.
4. After each task run the project's tests, then tick the task with doc_update.
5. Call change_get at the end and report what is open.`;
}

const ANSWER_TEXT = `Answer the questions that wait.

1. Call question_list for the pending ones.
2. For each, look for the answer in the specs and documents with doc_read, and in the code.
3. Call answer_submit only with an answer that you can cite. Leave questions of taste, priority or permission to people.
4. Report what you answered, with the citations, and what is left for a person.`;
