import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempDisposableSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { acquireProcessLock } from "../../../src/adapters/store/index.ts";
import { scenario } from "../../helpers/scenario.ts";

const temporary = () => mkdtempDisposableSync(join(tmpdir(), "specloop-lock-"));
const me = { pid: process.pid, socket: "/run/me.sock", startedAt: 1 };

interface Locker extends AsyncDisposable {
  process: ChildProcess;
  /** Its first line: `owner` or `daemon_running <pid>`. */
  said: string;
}

async function locker(path: string): Promise<Locker> {
  const process_ = spawn(
    process.execPath,
    [join(import.meta.dirname, "children", "locker.ts"), path, "/run/other.sock"],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const closed = once(process_, "close");
  const [said] = (await Promise.race([once(process_.stdout.setEncoding("utf8"), "data"), closed])) as [string];
  return {
    process: process_,
    said: said.trim(),
    [Symbol.asyncDispose]: async () => {
      process_.kill("SIGKILL");
      await closed;
    },
  };
}

scenario("store", "Eight daemons start at once", async () => {
  using folder = temporary();
  const path = join(folder.path, "lock.db");
  await using stack = new AsyncDisposableStack();
  const lockers = (await Promise.all(Array.from({ length: 8 }, () => locker(path)))).map((one) => stack.use(one));
  const owners = lockers.filter(({ said }) => said === "owner");
  expect(owners).toHaveLength(1);
  const refused = lockers.filter((one) => one !== owners[0]).map(({ said }) => said);
  expect(refused).toEqual(Array.from({ length: 7 }, () => `daemon_running ${owners[0]!.process.pid}`));
});

scenario("store", "The owner of the lock is killed", async () => {
  using folder = temporary();
  const path = join(folder.path, "lock.db");
  {
    await using first = await locker(path);
    expect(first.said).toBe("owner");
  }
  // The dead owner's particulars are still there, and do not deter anybody.
  expect(existsSync(`${path}.owner`)).toBe(true);
  await using second = await locker(path);
  expect(second.said).toBe("owner");
});

scenario("store", "The owner of the lock is suspended", async () => {
  using folder = temporary();
  const path = join(folder.path, "lock.db");
  await using owner = await locker(path);
  owner.process.kill("SIGSTOP");
  await sleep(200);
  await using other = await locker(path);
  expect(other.said).toBe(`daemon_running ${owner.process.pid}`);
  owner.process.kill("SIGCONT");
});

test("the loser is told whom to talk to", async () => {
  using folder = temporary();
  const path = join(folder.path, "lock.db");
  await using owner = await locker(path);
  const { pid } = owner.process;
  expect(() => acquireProcessLock(path, me)).toThrow(
    expect.objectContaining({
      code: "daemon_running",
      exit: 3,
      message: expect.stringMatching(new RegExp(`process ${pid}, socket /run/other\\.sock`)),
      details: { owner: expect.objectContaining({ pid, socket: "/run/other.sock" }) },
    }),
  );
});

test("the same process cannot take it twice, and can take it again after disposal", () => {
  using folder = temporary();
  const path = join(folder.path, "lock.db");
  const first = acquireProcessLock(path, me);
  expect(() => acquireProcessLock(path, me)).toThrow(expect.objectContaining({ code: "daemon_running" }));
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(readdirSync(folder.path)).toEqual(["lock.db"]);
  using second = acquireProcessLock(path, { ...me, pid: 2 });
  expect(second.owner.pid).toBe(2);
  expect(JSON.parse(readFileSync(`${path}.owner`, "utf8"))).toEqual({ ...me, pid: 2 });
});

test("a disposed lock that is disposed again does not take the next owner's name away", () => {
  using folder = temporary();
  const path = join(folder.path, "lock.db");
  const first = acquireProcessLock(path, me);
  first[Symbol.dispose]();
  using _second = acquireProcessLock(path, me);
  first[Symbol.dispose]();
  expect(existsSync(`${path}.owner`)).toBe(true);
});

test.each([
  ["nothing that can be read", "{ not json"],
  // The highest process id of Linux is 2^22.
  ["a process that is dead", JSON.stringify({ pid: 2 ** 22 + 1, socket: "/run/dead.sock", startedAt: 1 })],
])("a held lock whose owner file names %s is still a held lock", async (_what, content) => {
  using folder = temporary();
  const path = join(folder.path, "lock.db");
  await using owner = await locker(path);
  expect(owner.said).toBe("owner");
  writeFileSync(`${path}.owner`, content);
  expect(() => acquireProcessLock(path, me)).toThrow(
    expect.objectContaining({ code: "daemon_running", message: expect.stringContaining("did not say") }),
  );
});

test("a lock file of another kind, or none that can be made, is said as it is", () => {
  using folder = temporary();
  const garbage = join(folder.path, "lock.db");
  writeFileSync(garbage, "no database".repeat(1000));
  expect(() => acquireProcessLock(garbage, me)).toThrow(
    expect.objectContaining({ code: "store_corrupt", fix: expect.stringContaining("Delete") }),
  );
  expect(() => acquireProcessLock(join(folder.path, "nowhere", "lock.db"), me)).toThrow(
    expect.objectContaining({ code: "store_full" }),
  );
});
