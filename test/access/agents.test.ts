import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { fingerprint } from "../../src/access/agent-rows.ts";
import { parseDuration } from "../../src/access/duration.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { canonicalJson, sha256 } from "../../src/foundation/hash.ts";
import { scenario } from "../helpers/scenario.ts";
import { openAccess, type OpenAccess, person } from "./fixture-access.ts";

const capability = { tools: ["doc_read"], read: ["openspec/**"], write: [], rate: 60 };

function add({ access }: OpenAccess, name = "nightly", lifetimeMs: number | null = null) {
  return access.agents.add({ name, capability, lifetimeMs, by: person });
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "no error";
  } catch (error) {
    return error instanceof SpecloopError ? error.code : String(error);
  }
}

scenario("access", "A person registers an agent", async () => {
  await using open = await openAccess();
  const { agent, token } = await add(open);
  expect(token).toMatch(/^slp_[A-Za-z0-9_-]{43}$/);
  expect(open.access.gate.identify(token)).toMatchObject({ id: agent.id, name: "nightly" });
  expect(await open.entries()).toMatchObject([
    { actor: "person:ada@example.org", action: "agent.added", target: "nightly" },
  ]);
  const other = await add(open, "other");
  expect(other.token).not.toBe(token);
  const row = await open.fixture.store.read.selectFrom("agents").selectAll().executeTakeFirstOrThrow();
  expect(row.token_hash).toBe(sha256(token));
  await open.restart();
  expect(open.access.gate.identify(token).name).toBe("nightly");
  const folder = open.fixture.folder;
  for (const file of readdirSync(folder)) expect(readFileSync(join(folder, file)).includes(token), file).toBe(false);
  expect(JSON.stringify(open.access.agents.list())).not.toContain(sha256(token));
});

test("names, times and tokens that cannot be are refused", async () => {
  await using open = await openAccess();
  await add(open);
  for (const name of ["", "Nightly", "a b", "-a", "../x", "x".repeat(65), "http", "unknown", "ünder"]) {
    await expect(add(open, name), name).rejects.toMatchObject({ code: "bad_input" });
  }
  await expect(add(open)).rejects.toMatchObject({ code: "agent_exists" });
  await expect(open.access.agents.revoke("nobody", person)).rejects.toMatchObject({ code: "unknown_agent" });
  for (const token of ["", "slp_", `slp_${"A".repeat(43)}`, "nightly"]) {
    expect(
      codeOf(() => open.access.gate.identify(token)),
      token,
    ).toBe("unauthorized");
  }
  expect([
    parseDuration("90m", "x"),
    parseDuration("12h", "x"),
    parseDuration("30d", "x"),
    parseDuration("never", "x"),
  ]).toEqual([5_400_000, 43_200_000, 2_592_000_000, null]);
  for (const time of ["", "0d", "30", "d", "1w", "-1d", "9999999d"]) {
    expect(
      codeOf(() => parseDuration(time, "expires")),
      time,
    ).toBe("bad_input");
  }
});

scenario("access", "A token expires", async () => {
  await using open = await openAccess();
  const { agent, token } = await add(open, "nightly", 60_000);
  const call = () => open.access.gate.admit({ principal: { kind: "agent", name: "nightly" }, agent: agent.id }, null);
  open.clock.move(59_999);
  expect(codeOf(call)).toBe("no error");
  open.clock.move(1);
  expect(codeOf(call)).toBe("unauthorized");
  expect(codeOf(() => open.access.gate.identify(token))).toBe("unauthorized");
  expect(open.access.agents.list()).toMatchObject([{ name: "nightly", standing: "expired" }]);
  const renewed = await add(open, "nightly");
  expect(open.access.gate.identify(renewed.token).id).not.toBe(agent.id);
  expect(codeOf(() => open.access.gate.identify(token))).toBe("unauthorized");
});

scenario("access", "A client takes the name of a registered agent", async () => {
  await using open = await openAccess();
  await add(open);
  const as = (name: string) => codeOf(() => open.access.gate.admit({ principal: { kind: "agent", name } }, null));
  const spellings = ["nightly", "Nightly", " NIGHTLY ", "\uff4e\uff49\uff47\uff48\uff54\uff4c\uff59"];
  for (const name of spellings) expect(as(name), name).toBe("unauthorized");
  expect(as("nightly2")).toBe("no error");
  await open.access.agents.revoke("nightly", person);
  for (const name of spellings) expect(as(name), name).toBe("unauthorized");
  await open.restart();
  for (const name of spellings) expect(as(name), name).toBe("unauthorized");
});

/** A row that a program with access to the file wrote: its own hash fits. */
function sealed(row: Record<string, unknown>): Record<string, unknown> {
  const { row_hash: _old, ...rest } = row;
  const kept = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
  return { ...rest, row_hash: sha256(canonicalJson(kept)) };
}

type Forgery = (row: Record<string, unknown>) => Record<string, unknown>;
const FORGERIES: [string, Forgery][] = [
  ["more tools", (row) => ({ ...row, tools: '["*"]' })],
  ["more to write", (row) => ({ ...row, write_paths: '["**"]' })],
  ["another token", (row) => ({ ...row, token_hash: sha256("slp_mine") })],
  ["a later end", (row) => ({ ...row, expires_at: 9_000_000_000_000 })],
  ["a higher rate", (row) => ({ ...row, rate: 1_000_000 })],
  ["another id", (row) => ({ ...row, id: "ag-0000" })],
  ["a hash that does not fit", (row) => ({ ...row, row_hash: "0" })],
];

scenario("access", "Somebody edits an agent's row in the database", async () => {
  for (const [what, forge] of FORGERIES) {
    await using open = await openAccess();
    const { token } = await add(open);
    rewrite(open, (row) => {
      const forged = forge(row);
      return what.startsWith("a hash") ? forged : sealed(forged);
    });
    await open.restart();
    for (const presented of [token, "slp_mine"]) {
      expect(
        codeOf(() => open.access.gate.identify(presented)),
        what,
      ).toBe("unauthorized");
    }
    const principal = { kind: "agent", name: "nightly" } as const;
    expect(
      codeOf(() => open.access.gate.admit({ principal }, null)),
      what,
    ).toBe("unauthorized");
    const health = await open.access.agents.health().run(new AbortController().signal);
    expect(health, what).toMatchObject({ status: "failing", message: expect.stringContaining("nightly") });
  }
  await using open = await openAccess();
  const { token } = await add(open);
  await open.access.agents.revoke("nightly", person);
  rewrite(open, (row) => sealed({ ...row, revoked_at: null, revoked_by: null }));
  await open.restart();
  expect(codeOf(() => open.access.gate.identify(token))).toBe("unauthorized");
});

function rewrite({ fixture }: OpenAccess, forge: Forgery): void {
  using database = new DatabaseSync(join(fixture.folder, "core.db"));
  const row = database.prepare("SELECT * FROM agents").get() as Record<string, unknown>;
  const forged = forge(row);
  const columns = Object.keys(forged);
  database.exec("DELETE FROM agents");
  database
    .prepare(`INSERT INTO agents (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`)
    .run(...(Object.values(forged) as string[]));
}

test("the fingerprint covers everything that grants something", () => {
  const agent = {
    id: "ag-1",
    name: "a",
    tokenHash: "h",
    capability,
    expiresAt: 1,
    createdAt: 0,
    createdBy: "",
    revokedAt: null,
  };
  const prints = [
    agent,
    { ...agent, id: "ag-2" },
    { ...agent, name: "b" },
    { ...agent, tokenHash: "i" },
    { ...agent, expiresAt: null },
    ...(["tools", "read", "write"] as const).map((key) => ({ ...agent, capability: { ...capability, [key]: ["*"] } })),
    { ...agent, capability: { ...capability, rate: 61 } },
  ].map(fingerprint);
  expect(new Set(prints).size).toBe(prints.length);
});
