import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { AUDIT_REF } from "../../src/access/index.ts";
import { canonicalJson, sha256 } from "../../src/foundation/hash.ts";
import { scenario } from "../helpers/scenario.ts";
import { openAccess, type OpenAccess, person } from "./fixture-access.ts";

const { signal } = new AbortController();
const ENTRIES = 120;
const TAMPERINGS = 1000;

async function fill({ access }: OpenAccess, count: number, start = 0) {
  for (let index = start; index < start + count; index++) {
    const detail = { commit: sha256(String(index)), index };
    await access.audit.append({ actor: "person:ada", action: "setting.changed", target: `key-${index}`, detail });
  }
}

/** A reproducible stream of numbers below a bound (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

interface Row {
  seq: number;
  at: number;
  actor: string;
  action: string;
  target: string;
  detail: string;
  prev_hash: string;
  hash: string;
}
type Tampering = (rows: Row[], pick: (below: number) => number) => Row[];

const COLUMNS = ["actor", "action", "target", "detail", "prev_hash", "hash"] as const;

function flipped(text: string, at: number): string {
  return `${text.slice(0, at)}${text[at] === "x" ? "y" : "x"}${text.slice(at + 1)}`;
}

/** What somebody does who knows how the chain is made: hashes and numbers fit again. */
function chainedAnew(rows: Row[]): Row[] {
  let previous = "0".repeat(64);
  return rows.map(({ hash: _old, ...row }, index) => {
    const content = { ...row, seq: index + 1, prev_hash: previous };
    previous = sha256(canonicalJson(content));
    return { ...content, hash: previous };
  });
}

const TAMPERINGS_KNOWN: Record<string, Tampering> = {
  "an entry removed": (rows, pick) => rows.toSpliced(pick(rows.length), 1),
  "several removed": (rows, pick) => rows.toSpliced(pick(rows.length - 10), 1 + pick(9)),
  "a character flipped": (rows, pick) => {
    const [index, column] = [pick(rows.length), COLUMNS[pick(COLUMNS.length)]!];
    const row = rows[index]!;
    return rows.with(index, { ...row, [column]: flipped(row[column], pick(row[column].length)) });
  },
  "a time changed": (rows, pick) => {
    const index = pick(rows.length);
    return rows.with(index, { ...rows[index]!, at: rows[index]!.at + 1 + pick(1000) });
  },
  "two exchanged": (rows, pick) => {
    const first = pick(rows.length - 1);
    const second = first + 1 + pick(rows.length - first - 1);
    const [a, b] = [rows[first]!, rows[second]!];
    return rows.with(first, { ...b, seq: a.seq }).with(second, { ...a, seq: b.seq });
  },
  "the end cut off": (rows, pick) => rows.slice(0, pick(rows.length)),
  "removed and chained anew": (rows, pick) => chainedAnew(rows.toSpliced(pick(rows.length), 1)),
  "changed and chained anew": (rows, pick) => {
    const index = pick(rows.length);
    return chainedAnew(rows.with(index, { ...rows[index]!, actor: "person:eve" }));
  },
  "cut off and filled up anew": (rows, pick) => {
    const kept = rows.slice(0, pick(rows.length));
    return chainedAnew([...kept, ...rows.slice(kept.length).map((row) => ({ ...row, target: "nothing happened" }))]);
  },
};

scenario(
  "access",
  "The audit log is tampered with at random",
  async () => {
    await using open = await openAccess();
    await fill(open, ENTRIES);
    await open.access.anchor.now();
    expect(await open.access.verify()).toMatchObject({ ok: true, entries: ENTRIES, anchoredTo: ENTRIES });
    const file = new Tamperer(join(open.fixture.folder, "core.db"));
    const pick = numbers(20_261_121);
    const names = Object.keys(TAMPERINGS_KNOWN);
    const anchors = await anchorsInGit(open);
    const missed: string[] = [];
    for (let turn = 0; turn < TAMPERINGS; turn++) {
      const name = names[turn % names.length]!;
      file.write(TAMPERINGS_KNOWN[name]!(file.rows, pick));
      const verdict = await open.access.audit.verify(...anchors);
      if (verdict.ok) missed.push(`${turn}: ${name}`);
    }
    expect(missed).toEqual([]);
    file.write(file.rows);
    expect(await open.access.verify()).toMatchObject({ ok: true });
    file[Symbol.dispose]();
  },
  120_000,
);

/** What a program reads that starts anew and knows nothing but the file and the repository. */
async function anchorsInGit({ chain }: OpenAccess): Promise<{ seq: number; hash: string }[]> {
  return (await chain.links()).map(({ message }) => {
    const [, seq, hash] = /Specloop-Audit: (\d+) (\w+)/.exec(message)!;
    return { seq: Number(seq), hash: hash! };
  });
}

/** Writes the rows of the log behind the daemon's back, the recorded end as well. */
class Tamperer implements Disposable {
  readonly rows: Row[];
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    for (const { name } of this.#database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) {
      this.#database.exec(`DROP TRIGGER ${String(name)}`);
    }
    this.rows = this.#database.prepare("SELECT * FROM audit ORDER BY seq").all() as unknown as Row[];
  }

  write(rows: Row[]): void {
    const end = rows.at(-1);
    this.#database.exec("BEGIN; DELETE FROM audit");
    const insert = this.#database.prepare("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (const { seq, at, actor, action, target, detail, prev_hash, hash } of rows) {
      insert.run(seq, at, actor, action, target, detail, prev_hash, hash);
    }
    const head = this.#database.prepare("UPDATE audit_head SET seq = ?, hash = ?");
    head.run(end?.seq ?? 0, end?.hash ?? "0".repeat(64));
    this.#database.exec("COMMIT");
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

const anchored = async ({ repository }: OpenAccess) => {
  const text = await repository.git("log", "-1", "--format=%B", AUDIT_REF).catch(() => "");
  return Number(/Specloop-Audit: (\d+)/.exec(text)?.[1] ?? 0);
};

scenario("access", "The anchor follows the log", async () => {
  await using open = await openAccess();
  const before = [
    await open.repository.git("status", "--porcelain=v2", "--branch"),
    await open.repository.git("for-each-ref", "refs/heads", "refs/tags"),
  ];
  expect(await anchored(open)).toBe(0);
  await fill(open, 3);
  expect(await anchored(open)).toBe(0);
  open.clock.move(300_000);
  await expect.poll(() => anchored(open)).toBe(3);
  const decided = { approvalId: "ap-1", decision: "approve", by: "ada", method: "code", level: "L1" };
  await fill(open, 1);
  open.events.emit("approval.decided", decided);
  await expect.poll(() => anchored(open)).toBe(4);
  await open.access.agents.add({
    name: "nightly",
    capability: { tools: [], read: [], write: [], rate: 1 },
    lifetimeMs: null,
    by: person,
  });
  await expect.poll(() => anchored(open)).toBe(5);
  await fill(open, 2);
  await open.restart();
  expect(await anchored(open)).toBe(7);
  expect(await open.access.verify()).toMatchObject({ ok: true, entries: 7, anchors: 4, anchoredTo: 7 });
  expect([
    await open.repository.git("status", "--porcelain=v2", "--branch"),
    await open.repository.git("for-each-ref", "refs/heads", "refs/tags"),
  ]).toEqual(before);
  expect(await open.repository.git("fsck", "--no-progress")).toBe("");
  expect(await open.access.anchor.health().run(signal)).toMatchObject({ status: "ok" });
});

scenario("access", "The anchor is moved by somebody else", async () => {
  const troubles: [string, (open: OpenAccess) => Promise<unknown>][] = [
    ["deleted", ({ repository }) => repository.git("update-ref", "-d", AUDIT_REF)],
    ["set back", ({ repository }) => repository.git("update-ref", AUDIT_REF, `${AUDIT_REF}~1`)],
    ["set elsewhere", ({ repository }) => repository.git("update-ref", AUDIT_REF, "HEAD")],
  ];
  for (const [what, trouble] of troubles) {
    await using open = await openAccess();
    await fill(open, 2);
    await open.access.anchor.now();
    await fill(open, 2, 2);
    await open.access.anchor.now();
    await trouble(open);
    const left = await open.repository.git("for-each-ref", AUDIT_REF);
    await fill(open, 1, 4);
    await open.access.anchor.now();
    expect(await open.repository.git("for-each-ref", AUDIT_REF), what).toBe(left);
    expect(await open.access.anchor.health().run(signal), what).toMatchObject({ status: "failing" });
  }
  await using open = await openAccess();
  await fill(open, 5);
  await open.access.anchor.now();
  open.fixture.tamper("DELETE FROM audit WHERE seq > 2; UPDATE audit_head SET seq = 2");
  await open.restart();
  await open.access.anchor.now();
  expect(await anchored(open)).toBe(5);
  expect(await open.access.anchor.health().run(signal)).toMatchObject({ status: "failing" });
  expect(await open.access.verify()).toMatchObject({ ok: false, brokenAt: 3 });
});

test("an identity is not needed, hooks and signing are not used", async () => {
  await using open = await openAccess();
  for (const key of ["user.name", "user.email"]) await open.repository.git("config", "--unset", key);
  await open.repository.git("config", "user.useConfigOnly", "true");
  await open.repository.git("config", "commit.gpgsign", "true");
  await open.repository.git("config", "gpg.program", "/nonexistent");
  await fill(open, 1);
  await open.access.anchor.now();
  expect(await anchored(open)).toBe(1);
  expect(await open.repository.git("log", "-1", "--format=%an <%ae>", AUDIT_REF)).toBe("specloop <specloop@localhost>");
});
