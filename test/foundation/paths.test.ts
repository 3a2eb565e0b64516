import { mkdirSync, mkdtempDisposableSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveInside, stateRoot, statePaths, toRepositoryPath } from "../../src/foundation/paths.ts";

function repository() {
  const folder = mkdtempDisposableSync(join(realpathSync(tmpdir()), "specloop-paths-"));
  const root = join(folder.path, "repo");
  mkdirSync(join(root, "openspec", "changes"), { recursive: true });
  writeFileSync(join(root, "openspec", "a.md"), "a");
  mkdirSync(join(folder.path, "repo-sibling"));
  mkdirSync(join(folder.path, "outside"));
  writeFileSync(join(folder.path, "outside", "secret"), "s");
  return { root, outside: join(folder.path, "outside"), [Symbol.dispose]: () => folder.remove() };
}

test("paths inside are resolved, whether the file exists or not", () => {
  using place = repository();
  const { root } = place;
  expect(resolveInside(root, "openspec/a.md")).toBe(join(root, "openspec", "a.md"));
  expect(resolveInside(root, "openspec/../openspec/./new/deep.md")).toBe(join(root, "openspec", "new", "deep.md"));
  expect(resolveInside(root, "..dots/...md")).toBe(join(root, "..dots", "...md"));
  expect(resolveInside(root, ".")).toBe(root);
});

test.each([
  ["empty", ""],
  ["with a NUL", "openspec/a.md\0.png"],
  ["to the parent", ".."],
  ["up and out", "openspec/../../outside/secret"],
  ["to a sibling whose name begins like the root", "../repo-sibling/x"],
  ["absolute", "/etc/passwd"],
  ["with a Windows drive", "C:\\Windows\\win.ini"],
  ["with a Windows drive and no slash", "c:secret"],
])("a path %s is refused", (_what, path) => {
  using place = repository();
  expect(() => resolveInside(place.root, path)).toThrow(
    expect.objectContaining({ code: "path_outside_root", target: path }),
  );
});

test("symbolic links that leave the root are refused at every place of the way", () => {
  using place = repository();
  const { root, outside } = place;
  symlinkSync(outside, join(root, "dir-out"));
  symlinkSync(join(outside, "secret"), join(root, "file-out"));
  symlinkSync("../../outside", join(root, "openspec", "relative-out"));
  symlinkSync(join(outside, "not-there-yet"), join(root, "dangling-out"));
  symlinkSync("dir-out", join(root, "link-to-link"));
  const paths = [
    "dir-out/secret",
    "dir-out/new",
    "file-out",
    "openspec/relative-out/x",
    "dangling-out",
    "link-to-link/secret",
  ];
  for (const path of paths) {
    expect(() => resolveInside(root, path)).toThrow(
      expect.objectContaining({ code: "path_outside_root", target: path }),
    );
  }
});

test("a chain of dangling links that ends outside is refused", () => {
  using place = repository();
  const { root, outside } = place;
  symlinkSync(join(outside, "nothing"), join(root, "second"));
  symlinkSync("second", join(root, "first"));
  expect(() => resolveInside(root, "first")).toThrow(
    expect.objectContaining({ code: "path_outside_root", target: "first" }),
  );
});

test("a missing directory behind a dangling link is outside, and a ring of links leads nowhere", () => {
  using place = repository();
  const { root, outside } = place;
  symlinkSync(join(outside, "later"), join(root, "soon"));
  symlinkSync("ring-b", join(root, "ring-a"));
  symlinkSync("ring-a", join(root, "ring-b"));
  for (const path of ["soon/x.md", "soon/deep/x.md", "ring-a", "ring-a/x.md"]) {
    expect(() => resolveInside(root, path)).toThrow(
      expect.objectContaining({ code: "path_outside_root", target: path }),
    );
  }
});

test("links that stay inside are followed to the file that they name", () => {
  using place = repository();
  const { root } = place;
  symlinkSync("openspec", join(root, "docs"));
  symlinkSync("openspec/a.md", join(root, "README.md"));
  symlinkSync("openspec/later.md", join(root, "dangling"));
  expect(resolveInside(root, "docs/a.md")).toBe(join(root, "openspec", "a.md"));
  expect(resolveInside(root, "README.md")).toBe(join(root, "openspec", "a.md"));
  expect(resolveInside(root, "dangling")).toBe(join(root, "openspec", "later.md"));
});

test("the root itself may be reached through a link", () => {
  using place = repository();
  const link = join(place.outside, "link");
  symlinkSync(place.root, link);
  expect(resolveInside(link, "openspec/a.md")).toBe(join(place.root, "openspec", "a.md"));
});

test("repository paths have forward slashes", () => {
  expect(toRepositoryPath("/r", join("/r", "openspec", "a.md"))).toBe("openspec/a.md");
});

test("a socket whose path is too long for the system lies in the runtime directory", () => {
  expect(statePaths("/r", "/run/x").socket).toBe("/r/.specloop/daemon.sock");
  const long = statePaths(`/${"é".repeat(50)}`, "/run/x");
  expect(long.socket).toBe("/run/x/daemon.sock");
  expect(long.coreDb.startsWith(long.directory)).toBe(true);
});

test("the worktrees of a repository share one state, in the main worktree or in git's common directory", () => {
  expect(stateRoot("/r/main/.git")).toBe("/r/main");
  expect(stateRoot("/r/.git/modules/sub")).toBe("/r/.git/modules/sub");
  expect(stateRoot("/r/project.git")).toBe("/r/project.git");
});
