import { expect, type Step } from "../step.ts";
import { knownRequirements } from "../requirements.ts";
import { DEMO_CHANGE } from "./changes.ts";

const TASKS = `openspec/changes/${DEMO_CHANGE}/tasks.md`;

interface Updated {
  status: string;
  commit: string | null;
  branch: string | null;
  diff: string;
}

export const documentIsEdited: Step = {
  title: "A document is edited and committed; what the person has staged stays staged",
  run: async (stage) => {
    await stage.git("add", `openspec/changes/${DEMO_CHANGE}`);
    await stage.git("commit", "--quiet", "--message", "Propose a greeting");
    await stage.write("notes.txt", "half-finished work of a person\n");
    await stage.git("add", "notes.txt");
    const staged = await stage.git("ls-files", "--stage", "notes.txt");
    const { revision } = (await stage.colleague.callTool("doc_read", { path: TASKS })) as { revision: string };
    const edit = { kind: "set_task", task: "1.1", done: true };
    const request = {
      path: TASKS,
      edits: [edit],
      reason: "Words are written",
      baseRevision: revision,
      change: DEMO_CHANGE,
    };
    const updated = (await stage.colleague.callTool("doc_update", request)) as unknown as Updated;
    expect(updated.status === "committed" && updated.commit !== null, `the edit is committed, not ${updated.status}`);
    expect((await stage.git("ls-files", "--stage", "notes.txt")) === staged, "the staged file is as it was");
    expect((await stage.git("diff", "--cached", "--name-only")) === "notes.txt", "only the person's file is staged");
    const files = await stage.git("show", "--format=", "--name-only", updated.commit);
    expect(files === TASKS, `the commit holds only ${TASKS}, not ${files}`);
    const changed = updated.diff.split("\n").filter((line) => /^[-+](?!-- |\+\+ )/.test(line));
    await stage.git("commit", "--quiet", "--message", "Keep the notes");
    return [
      `${TASKS} at revision ${revision.slice(0, 10)}: ${changed.join("   ")}`,
      `commit ${updated.commit.slice(0, 10)} holds that file alone; notes.txt is staged as before`,
      ...(await stage.git("log", "-1", "--skip=1", "--format=%an: %s%n%(trailers:only)")).split("\n").filter(Boolean),
    ];
  },
};

export const specIsProposed: Step = {
  title: "An edit of a main spec goes to a branch for a person instead",
  run: async (stage) => {
    const [requirement] = knownRequirements(stage.repository);
    expect(requirement !== undefined, "there is a main spec");
    const { path } = requirement;
    const edit = { kind: "append_to_section", section: "Purpose", content: "It is looked at once a year." };
    const before = await stage.git("status", "--porcelain");
    const updated = (await stage.agent.callTool("doc_update", {
      path,
      edits: [edit],
      reason: "Say how often",
    })) as unknown as Updated;
    expect(updated.status === "proposed" && updated.branch !== null, `the edit is proposed, not ${updated.status}`);
    expect((await stage.git("status", "--porcelain")) === before, "the working tree is as it was");
    return [
      `${path} is sensitive: the edit waits on ${updated.branch}; the working tree is untouched`,
      `git diff main ${updated.branch} shows it, git merge ${updated.branch} approves it`,
    ];
  },
};
