import { chmodSync, mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createStateDirectory } from "../../src/access/index.ts";
import { statePaths } from "../../src/foundation/paths.ts";
import { scenario } from "../helpers/scenario.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { temporary } from "./fixture.ts";

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

scenario("access", "The umask is loose or strict", () => {
  const before = process.umask();
  try {
    for (const umask of [0o000, 0o022, 0o277]) {
      using folder = temporary();
      const paths = statePaths(folder.path, join(folder.path, "run"));
      process.umask(umask);
      createStateDirectory(paths);
      process.umask(before);
      expect([paths.directory, paths.logs, paths.recovery].map(mode)).toEqual(["700", "700", "700"]);
      writeFileSync(join(paths.directory, "file"), "x");
    }
  } finally {
    process.umask(before);
  }
});

test("a directory that others could look into is closed, and a second call changes nothing", () => {
  using folder = temporary();
  const paths = statePaths(folder.path, join(folder.path, "run"));
  mkdirSync(paths.directory, { mode: 0o755 });
  writeFileSync(join(paths.directory, ".gitignore"), "mine\n");
  createStateDirectory(paths);
  createStateDirectory(paths);
  expect(mode(paths.directory)).toBe("700");
  expect(readFileSync(join(paths.directory, ".gitignore"), "utf8")).toBe("mine\n");
});

scenario("access", "A person commits everything", async () => {
  await using repository = await temporaryRepository({ "README.md": "x\n" });
  const paths = statePaths(repository.path, "/tmp");
  createStateDirectory(paths);
  writeFileSync(paths.tokenFile, "secret");
  await repository.git("add", "--all");
  expect(await repository.git("status", "--porcelain", "--untracked-files=all")).toBe("");
});

scenario("access", "Something else stands where the state belongs", () => {
  using folder = temporary();
  const elsewhere = join(folder.path, "elsewhere");
  mkdirSync(elsewhere, { mode: 0o755 });
  const linked = join(folder.path, "linked");
  mkdirSync(linked);
  symlinkSync(elsewhere, join(linked, ".specloop"));
  const refusal = expect.objectContaining({ code: "path_protected", fix: expect.stringContaining("move it away") });
  expect(() => createStateDirectory(statePaths(linked, folder.path))).toThrow(refusal);
  expect(mode(elsewhere)).toBe("755");
  const filed = join(folder.path, "filed");
  mkdirSync(filed);
  writeFileSync(join(filed, ".specloop"), "a file");
  expect(() => createStateDirectory(statePaths(filed, folder.path))).toThrow(refusal);
});

test("a socket directory of the person's own choice is used as it is", () => {
  using folder = temporary();
  const run = join(folder.path, "run");
  mkdirSync(run, { mode: 0o750 });
  const paths = { ...statePaths(folder.path, run), socket: join(run, "my.sock") };
  createStateDirectory(paths);
  expect(mode(run)).toBe("750");
  const made = { ...paths, socket: join(folder.path, "new", "deep", "my.sock") };
  createStateDirectory(made);
  expect(mode(join(folder.path, "new", "deep"))).toBe("700");
});

test("a socket directory that everybody may write is refused, unless it is sticky as /tmp is", () => {
  using folder = temporary();
  const run = join(realpathSync(folder.path), "run");
  mkdirSync(run);
  const paths = { ...statePaths(folder.path, run), socket: join(run, "my.sock") };
  chmodSync(run, 0o777);
  expect(() => createStateDirectory(paths)).toThrow(expect.objectContaining({ code: "path_protected", target: run }));
  chmodSync(run, 0o1777);
  createStateDirectory(paths);
});
