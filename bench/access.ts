// What access costs: the gate in front of a call, an audit entry, a whole check, an anchor. `npm run bench -- access`
import { loadavg } from "node:os";
import { scopeOf } from "../src/access/capability.ts";
import { openAccess, person } from "../test/access/fixture-access.ts";

const ENTRIES = 100_000;
const { signal } = new AbortController();

export async function run(): Promise<void> {
  await using open = await openAccess();
  const { access } = open;
  const capability = {
    tools: ["doc_*", "question_ask"],
    read: ["openspec/**", "docs/**"],
    write: ["openspec/changes/**"],
    rate: 1_000_000,
  };
  const { agent } = await access.agents.add({ name: "bench", capability, lifetimeMs: null, by: person });
  const registered = { principal: { kind: "agent", name: "bench" } as const, agent: agent.id };
  const plain = { principal: { kind: "agent", name: "plain" } as const };
  const input = { path: "openspec/changes/a/proposal.md", edits: [{ kind: "write", content: "x" }], reason: "x" };

  console.log(`load ${loadavg()[0]?.toFixed(1)}`);
  each("admit, without a token", 10_000, () => access.gate.admit(plain, { name: "doc_read" }));
  each("admit, with a token", 100_000, () => access.gate.admit(registered, { name: "doc_read" }));
  each("paths of an input, links resolved", 10_000, () =>
    access.gate.admitPaths(registered, { effect: "write" }, { input }),
  );
  each("make a scope", 10_000, () => void scopeOf(capability));

  const entry = { actor: "agent:bench", action: "tool.called", target: "doc_update", detail: { ok: true } };
  const single: number[] = [];
  for (let turn = 0; turn < 200; turn++) {
    const started = performance.now();
    await access.audit.append(entry);
    single.push(performance.now() - started);
  }
  single.sort((a, b) => a - b);
  console.log(`one entry, committed: p50 ${single[100]!.toFixed(2)}, p95 ${single[190]!.toFixed(2)} ms`);
  for (let batch = 0; batch < ENTRIES / 1000; batch++) {
    await open.fixture.store.write(async (tx) => {
      for (let turn = 0; turn < 1000; turn++) await access.audit.appendTo(tx, entry);
    });
  }
  await timed("anchor", () => access.anchor.now());
  await timed(`check ${ENTRIES.toLocaleString("en")} entries`, () => access.verify());
  await timed("load agents", () => access.agents.start(signal));
}

function each(what: string, times: number, work: () => void): void {
  const started = performance.now();
  for (let turn = 0; turn < times; turn++) work();
  console.log(`${what}: ${(((performance.now() - started) * 1000) / times).toFixed(2)} us`);
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await work();
  console.log(`${what}: ${(performance.now() - started).toFixed(0)} ms`);
}
