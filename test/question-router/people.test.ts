import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../src/adapters/command/index.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { insertQuestion } from "../../src/question-router/insert.ts";
import { notifier, type Notice } from "../../src/question-router/people/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, type Harness, never, otherAgent, person, startRouter } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";

const HOUR = 3_600_000;

async function ask(shop: Harness, text: string, more: Record<string, unknown> = {}, who = agent): Promise<string> {
  return (await shop.router.ask({ text, ...more }, who, never)).questionId;
}

/** The daemon looks once a minute; here it is let look, and waited for. */
async function look(shop: Harness): Promise<void> {
  await shop.router.people.tick();
}

scenario("questions", "The most urgent question comes first", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: { expireHours: 30 } });
  const oldest = await ask(shop, "Which vendor prints the yearly almanac?");
  clock.advance(6.5 * HOUR);
  const fact = await ask(shop, "What colour has the zeppelin?");
  const wanted = await ask(shop, "What weight has the anvil?");
  await ask(shop, "what weight has the anvil", {}, otherAgent);
  const decision = await ask(shop, "Should we repaint the hangar?", { kind: "decision" });
  const about = await ask(shop, "What flavour has the marmalade?", { context: { change: "add-jam" } });
  const authority = await ask(shop, "May I sell the zeppelin?", { kind: "authority" });
  const { items, total } = await shop.router.people.inbox(10);
  expect(items.map(({ questionId }) => questionId)).toEqual([oldest, authority, decision, wanted, about, fact]);
  expect(total).toBe(6);
  expect(items[0]).toMatchObject({ due: "today", waiting: 1, askedBy: "agent:tester" });
  expect(items[3]).toMatchObject({ waiting: 2, due: "later" });
  expect(items[0]?.hops.map(({ responder }) => responder)).toEqual(expect.arrayContaining(["cache", "documents"]));
  expect((await shop.router.people.inbox(2)).items).toHaveLength(2);
});

test("the inbox shows the sections that come near, and nothing that was answered", async () => {
  await using shop = await startRouter({ overrides: { documents: { minScore: 1 } } });
  const id = await ask(shop, "When does the nightly backup of the orchard run, and who watches it?");
  const { items } = await shop.router.people.inbox(10);
  expect(items[0]?.passages[0]).toMatchObject({ path: "docs/operations.md", heading: "Operations > Backups" });
  await shop.router.answer({ questionId: id, text: "At 03:15; nobody.", principal: person });
  expect(await shop.router.people.inbox(10)).toEqual({ items: [], total: 0 });
});

const STEPS = { people: { remindHours: [4, 24], escalate: [{ afterHours: 48, to: "lead" }] } };

scenario("questions", "Nobody answers a question for two days", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: STEPS });
  const told: unknown[] = [];
  shop.events.on("question.offered", ({ questionId, to }) => void told.push([questionId, to]));
  shop.events.on("question.escalated", ({ questionId, to, step }) => void told.push([questionId, to, step]));
  const id = await ask(shop, "What colour has the zeppelin?");
  await look(shop);
  expect(told).toEqual([]);
  for (const hours of [4, 1, 20, 24]) {
    clock.advance(hours * HOUR);
    await look(shop);
    await look(shop);
  }
  expect(told).toEqual([
    [id, "people"],
    [id, "people"],
    [id, "lead", 1],
  ]);
  const { hops } = await shop.router.get(id);
  expect(hops.filter(({ responder }) => responder === "person").map(({ reason }) => reason)).toEqual([
    "people were reminded",
    "people were reminded",
    "escalated to lead",
  ]);
});

scenario("questions", "A restart repeats no reminder", async () => {
  const clock = new ManualClock();
  let shop = await startRouter({ clock, overrides: STEPS });
  onTestFinished(() => shop[Symbol.asyncDispose]());
  const id = await ask(shop, "What colour has the zeppelin?");
  clock.advance(5 * HOUR);
  await look(shop);
  shop = await shop.restart();
  const told: string[] = [];
  shop.events.on("question.offered", () => void told.push("reminded"));
  shop.events.on("question.escalated", () => void told.push("escalated"));
  await look(shop);
  expect(told).toEqual([]);
  // What came due while no daemon ran is told as one, the last of it.
  clock.advance(50 * HOUR);
  await look(shop);
  expect(told).toEqual(["escalated"]);
  const { hops } = await shop.router.get(id);
  expect(hops.filter(({ responder }) => responder === "person")).toHaveLength(3);
});

test("the oldest questions, once told, do not keep newer ones from being told", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: STEPS });
  await shop.core.write(async (tx) => {
    const open = { status: "pending", closedAt: null, answerId: null } as const;
    for (let turn = 0; turn < 520; turn += 1) {
      const question = { id: `q-${turn}`, key: `k-${turn}`, text: `What colour has zeppelin ${turn}?`, change: null };
      const times = { askedAt: clock.now() + turn, expiresAt: clock.now() + 100 * HOUR };
      await insertQuestion(tx, { ...question, ...times, kind: "fact", asker: "agent:tester" }, open);
    }
  });
  const told: string[] = [];
  shop.events.on("question.offered", ({ questionId }) => void told.push(questionId));
  clock.advance(5 * HOUR);
  for (let minute = 0; minute < 3; minute += 1) await look(shop);
  expect(new Set(told).size).toBe(520);
  expect(told).toHaveLength(520);
});

test("overdue is what waits longer than until the first reminder, or expires within the hour", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: { expireHours: 6, people: { remindHours: [4] } } });
  const overdue = () => shop.router.people.overdue();
  const first = await ask(shop, "Which vendor prints the yearly almanac?");
  expect(await overdue()).toBe(0);
  clock.advance(3.5 * HOUR);
  await ask(shop, "What colour has the zeppelin?");
  expect(await overdue()).toBe(0);
  clock.advance(HOUR);
  expect(await overdue()).toBe(1);
  await shop.router.answer({ questionId: first, text: "The old one.", principal: person });
  expect(await overdue()).toBe(0);
  shop.options.current = { ...shop.options.current, people: { ...shop.options.current.people, remindHours: [] } };
  clock.advance(4 * HOUR);
  expect(await overdue()).toBe(1);
});

scenario("questions", "An authority question expires", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: { expireHours: 1, ...STEPS } });
  const id = await ask(shop, "May I sell the zeppelin?", { kind: "authority" });
  clock.advance(2 * HOUR);
  const late = shop.router.people.answer({ questionId: id, text: "Yes", principal: person });
  await expect(late).rejects.toMatchObject({ code: "question_expired" });
  await expect.poll(async () => (await shop.router.get(id)).status).toBe("expired");
  expect(await shop.router.get(id)).toMatchObject({ answer: null });
  expect(await shop.router.people.inbox(10)).toMatchObject({ total: 0 });
  clock.advance(100 * HOUR);
  await look(shop);
  expect(shop.told).not.toContain("question.escalated");
});

/** A folder of the person's own with a program that writes down how it was called. */
async function ownCommand() {
  const directory = await mkdtemp(join(tmpdir(), "specloop-person-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const program = join(directory, "notify.mjs");
  const said = join(directory, "said");
  await writeFile(
    program,
    `#!${process.execPath}\nimport { appendFileSync, readFileSync } from "node:fs";\nappendFileSync(${JSON.stringify(said)}, JSON.stringify({ args: process.argv.slice(2), env: Object.keys(process.env), stdin: readFileSync(0, "utf8") }) + "\\n");\n`,
  );
  await chmod(program, 0o755);
  const file = join(directory, "notify.json");
  const place = {
    file,
    trusted: () => true,
    repository: "/work/shop",
    env: { PATH: process.env["PATH"], SECRET_TOKEN: "abc", HOME: directory },
    directory,
    run: runCommand,
    logger: silentLogger,
  };
  const lines = async () => {
    const text = await readFile(said, "utf8").catch(() => "");
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Said]));
  };
  return { place, program, lines, configure: (value: unknown) => writeFile(file, JSON.stringify(value)) };
}

interface Said {
  args: string[];
  env: string[];
  stdin: string;
}

const NOTICE: Notice = {
  questionId: "q-1",
  kind: "fact",
  text: "--help; $(touch /tmp/x)\u202e `id`\nWhat?",
  to: null,
  waitedMs: 1,
  expiresAt: 2,
};

scenario("questions", "A person has a command of their own", async () => {
  const { place, program, lines, configure } = await ownCommand();
  await configure({ command: [program, "{title}", "{text}"], to: { lead: [program, "for lead", "{id}", "{count}"] } });
  await notifier(place)([NOTICE, { ...NOTICE, questionId: "q-2" }, { ...NOTICE, questionId: "q-3", to: "lead" }]);
  const [everybody, lead, ...more] = await lines();
  expect(everybody?.args).toEqual([
    "specloop: 2 waiting in shop",
    "fact: --help; $(touch /tmp/x) `id` What? (and 1 more)",
  ]);
  expect(lead?.args).toEqual(["for lead", "q-3", "1"]);
  expect(more).toEqual([]);
  expect(everybody?.env).not.toContain("SECRET_TOKEN");
  expect(JSON.parse(everybody?.stdin ?? "")).toMatchObject({ repository: "/work/shop", notices: [{}, {}] });
});

test.each([
  ["is not trusted", { command: ["{program}"] }, false],
  ["is no JSON of this shape", { command: "rm -rf" }, true],
  ["names a relative program", { command: ["./notify.mjs"] }, true],
  ["names a program that is not there", { command: ["no-such-program-here"] }, true],
])("a notify.json that %s runs nothing and fails nobody", async (_why, config, isTrusted) => {
  const { place, program, lines, configure } = await ownCommand();
  await configure(JSON.parse(JSON.stringify(config).replace("{program}", program)));
  await notifier({ ...place, trusted: () => isTrusted })([NOTICE]);
  expect(await lines()).toEqual([]);
});
