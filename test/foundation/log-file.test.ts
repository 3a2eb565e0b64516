import {
  existsSync,
  mkdirSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createFileSink } from "../../src/foundation/log-file.ts";
import { createLogger } from "../../src/foundation/logger.ts";

const temporary = () => mkdtempDisposableSync(join(tmpdir(), "specloop-log-"));
const limits = { maxBytes: 1000, files: 3 };

test("lines are in the file at once, each with one line end, private to the user", () => {
  using folder = temporary();
  const path = join(folder.path, "daemon.log");
  using sink = createFileSink(path, limits);
  sink.write("one");
  sink.write("two\n");
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a file that was there is appended to and made private", () => {
  using folder = temporary();
  const path = join(folder.path, "daemon.log");
  writeFileSync(path, "before\n", { mode: 0o644 });
  using sink = createFileSink(path, limits);
  sink.write("after");
  expect(readFileSync(path, "utf8")).toBe("before\nafter\n");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("files are rotated by size, so many are kept and no line is cut or lost before", () => {
  using folder = temporary();
  const path = join(folder.path, "daemon.log");
  using sink = createFileSink(path, limits);
  for (let index = 0; index < 100; index++) sink.write(`line ${index} ${"x".repeat(40)}`);
  expect(readdirSync(folder.path).toSorted()).toEqual(["daemon.log", "daemon.log.1", "daemon.log.2"]);
  const files = ["daemon.log.2", "daemon.log.1", "daemon.log"].map((name) => join(folder.path, name));
  for (const file of files) {
    expect(statSync(file).size).toBeLessThanOrEqual(limits.maxBytes);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
  const kept = files.flatMap((file) => readFileSync(file, "utf8").trimEnd().split("\n"));
  const first = Number(kept[0]!.split(" ")[1]);
  expect(kept).toEqual(Array.from({ length: 100 - first }, (_, index) => `line ${first + index} ${"x".repeat(40)}`));
});

test("a line longer than a file gets a file of its own", () => {
  using folder = temporary();
  const path = join(folder.path, "daemon.log");
  using sink = createFileSink(path, limits);
  sink.write("short");
  sink.write("x".repeat(5000));
  sink.write("short again");
  expect(statSync(`${path}.1`).size).toBe(5001);
  expect(readFileSync(path, "utf8")).toBe("short again\n");
});

test("one file in all is possible: it begins anew when it is full", () => {
  using folder = temporary();
  const path = join(folder.path, "daemon.log");
  using sink = createFileSink(path, { maxBytes: 100, files: 1 });
  for (let index = 0; index < 10; index++) sink.write("x".repeat(60));
  expect(readdirSync(folder.path)).toEqual(["daemon.log"]);
  expect(statSync(path).size).toBe(61);
});

test("what cannot be written is counted and told in the next line that can", () => {
  using folder = temporary();
  const directory = join(folder.path, "logs");
  const path = join(directory, "daemon.log");
  using sink = createFileSink(path, limits);
  sink.write("lost");
  sink.write("lost too");
  expect(sink.dropped).toBe(2);
  mkdirSync(directory);
  sink.write("kept");
  const [notice, line] = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(JSON.parse(notice!)).toMatchObject({ level: 40, dropped: 2, msg: expect.stringContaining("lost") });
  expect(line).toBe("kept");
  sink.write("and on");
  expect(readFileSync(path, "utf8")).toMatch(/kept\nand on\n$/);
  expect(sink.dropped).toBe(2);
});

test("a full disk does not throw into the logger", { skip: !existsSync("/dev/full") }, () => {
  const sink = createFileSink("/dev/full", limits);
  const logger = createLogger("info", (line) => sink.write(line));
  logger.info("one");
  logger.info("two");
  sink.flush();
  sink[Symbol.dispose]();
  expect(sink.dropped).toBe(2);
});

test("after disposal lines go nowhere and nothing is thrown", () => {
  using folder = temporary();
  const path = join(folder.path, "daemon.log");
  const sink = createFileSink(path, limits);
  sink.write("before");
  sink[Symbol.dispose]();
  sink[Symbol.dispose]();
  sink.write("after");
  sink.flush();
  expect(readFileSync(path, "utf8")).toBe("before\n");
});

test("a file that somebody removed while it is open does not stop the log", () => {
  using folder = temporary();
  const path = join(folder.path, "daemon.log");
  using sink = createFileSink(path, limits);
  sink.write("before");
  rmSync(path);
  for (let index = 0; index < 30; index++) sink.write("x".repeat(60));
  expect(sink.dropped).toBe(0);
  expect(existsSync(path)).toBe(true);
});
