import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { cleanEnvironment, MAIN, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const FILES = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "workflows/greet.yaml": `
name: greet
inputs:
  who: { type: string, default: world }
  pause: { type: string, default: 10ms }
budget: { usd: 0.5 }
nodes:
  pause: { type: wait, for: "\${{ inputs.pause }}" }
  greet: { type: transform, value: "'Hello, ' + inputs.who", needs: [pause] }
output: { text: nodes.greet.output }
`,
  "workflows/asks.yaml": `
name: asks
nodes:
  gate: { type: approval, prompt: "Send it?" }
  after: { type: transform, value: "1", needs: [gate] }
`,
  "workflows/breaks.yaml": `
name: breaks
nodes:
  never: { type: transform, value: "[1][int('7')]" }
`,
  "input.json": '{"who": "Ada", "pause": "5ms"}\n',
};

async function open(stack: AsyncDisposableStack) {
  const repository = stack.use(await temporaryRepository(FILES));
  stack.use(await startDaemon(repository.path));
  const run = (...args: string[]) => specloop([...args, "--repo", repository.path]);
  return { repository, run };
}

const state = async (run: (...args: string[]) => ReturnType<typeof specloop>, id: string) =>
  (JSON.parse((await run("run", "show", id, "--json")).stdout) as { state: string }).state;

scenario("workflows", "A run from the command line", async () => {
  await using stack = new AsyncDisposableStack();
  const { repository, run } = await open(stack);
  const ended = await run("run", "greet", "--input", "who=Ada");
  expect(ended.code, ended.stderr).toBe(0);
  // Without a terminal each thing that happens is a line, without any escape.
  expect(ended.stdout).toMatch(/^\d\d:\d\d:\d\d run started\n\d\d:\d\d:\d\d pause waiting\n/);
  expect(ended.stdout).toMatch(/greet done\n(.*\n)*.*run succeeded\n/);
  expect(ended.stdout).toMatch(/greet r-\w+ {2}succeeded\n.* of work, .* in all, no tokens of \$0\.50\n/);
  expect(ended.stdout).toContain('"text": "Hello, Ada"');
  expect(ended.stdout).not.toContain("\u001b");
  const file = await run(
    "run",
    "greet",
    "--input-file",
    `${repository.path}/input.json`,
    "--input",
    "who=Bob",
    "--json",
  );
  expect(JSON.parse(file.stdout)).toMatchObject({ state: "succeeded", output: { value: { text: "Hello, Bob" } } });
  expect(file.stderr).toContain("run succeeded");
  const broken = await run("run", "breaks");
  expect(broken.code).toBe(1);
  expect(broken.stdout).toContain("never:");
  const waiting = await run("run", "asks");
  expect(waiting.code).toBe(75);
  expect(waiting.stdout).toMatch(/specloop run approve r-\w+ gate/);
  expect((await run("run", "nobody")).code).toBe(64);
});

scenario("workflows", "What a run would cost", async () => {
  await using stack = new AsyncDisposableStack();
  const { run } = await open(stack);
  const before = await run("run", "greet", "--dry-run");
  expect(before.code).toBe(0);
  expect(before.stdout).toContain("It never ran, so nothing is known of what it uses.");
  expect((await run("run", "asks", "--dry-run")).stdout).toContain("It would ask a person\n  gate: Send it?");
  expect((await run("run", "greet", "--dry-run", "--input", "whom=Ada")).code).not.toBe(0);
  expect(JSON.parse((await run("runs", "--json")).stdout)).toMatchObject({ runs: [] });
  await run("run", "greet");
  expect((await run("run", "greet", "--dry-run")).stdout).toContain("from 1 past run of it as it is, few");
  const stats = await run("workflow", "stats");
  expect(stats.stdout).toMatch(/greet +1 +100 % \(21–100 %\)/);
  expect(JSON.parse((await run("workflow", "stats", "greet", "--json")).stdout)).toMatchObject({
    name: "greet",
    nodes: [{ node: "greet" }, { node: "pause" }],
  });
  expect((await run("workflow", "stats", "asks")).code).toBe(64);
});

/** A run in a process of its own that is interrupted when it has said something. */
async function interrupted(repository: string, args: string[], times: number) {
  const child = spawn(process.execPath, [MAIN, ...args, "--repo", repository], {
    env: cleanEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = [text(child.stdout), text(child.stderr)];
  await once(child.stdout, "data");
  const said = once(child.stderr, "data");
  child.kill("SIGINT");
  await said;
  if (times > 1) child.kill("SIGINT");
  const [code] = (await once(child, "exit")) as [number | null];
  return { code, stdout: await out, stderr: await err };
}

scenario("workflows", "Leaving a run and coming back", async () => {
  await using stack = new AsyncDisposableStack();
  const { repository, run } = await open(stack);
  const left = await interrupted(repository.path, ["run", "greet", "--input", "pause=6s"], 1);
  expect(left.code).toBe(130);
  const id = /`specloop run watch (r-\w+)/.exec(left.stderr)![1]!;
  expect(["waiting", "running", "succeeded"]).toContain(await state(run, id));
  const back = await run("run", "watch", id);
  expect(back.code, back.stderr).toBe(0);
  expect(back.stdout).toContain('"text": "Hello, world"');
});

scenario("workflows", "Interrupting a run twice", async () => {
  await using stack = new AsyncDisposableStack();
  const { repository, run } = await open(stack);
  const ended = await interrupted(repository.path, ["run", "greet", "--input", "pause=10m"], 2);
  expect(ended.code, ended.stderr).toBe(1);
  expect(ended.stdout).toMatch(/greet r-\w+ {2}cancelled/);
  const { runs } = JSON.parse((await run("runs", "--json")).stdout) as { runs: { state: string }[] };
  expect(runs).toMatchObject([{ state: "cancelled" }]);
});

test("what is said to a run does what it says", async () => {
  await using stack = new AsyncDisposableStack();
  const { run } = await open(stack);
  const begin = async (...args: string[]) =>
    (JSON.parse((await run("run", ...args, "--detach", "--json")).stdout) as { id: string }).id;
  const asks = await begin("asks");
  const approved = await run("run", "approve", asks, "gate");
  expect(approved.code, approved.stderr).toBe(0);
  expect(await state(run, asks)).toBe("succeeded");
  const long = await begin("greet", "--input", "pause=10m");
  expect((await run("run", "pause", long)).code).toBe(0);
  expect(await state(run, long)).toBe("paused");
  expect((await run("run", "cancel", long)).code).toBe(0);
  expect(await state(run, long)).toBe("cancelled");
});
