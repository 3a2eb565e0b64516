import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, type Room, type RoomOptions } from "./room.ts";

const path = "openspec/changes/a/proposal.md";
const other = "openspec/changes/a/tasks.md";
const fresh = "openspec/changes/new/proposal.md";
const lines = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
const files = { [path]: "## Why\n\nold\n\n## Notes\n\nnone\n", [other]: lines, ".gitignore": ".specloop/\nprivate/\n" };

async function edit(room: Room, document = path, content = "new"): Promise<string> {
  const edits = [{ kind: "replace_section" as const, section: "Why", content }];
  try {
    const request = { files: [{ path: document, edits }], reason: "Say why", principal: agent };
    return (await room.manager.update(request)).status;
  } catch (error) {
    if (error instanceof SpecloopError) return error.code;
    throw error;
  }
}

function text(repository: TemporaryRepository, file = path): Promise<string> {
  return readFile(join(repository.path, file), "utf8");
}

function hook(repository: TemporaryRepository, script: string): void {
  writeFileSync(join(repository.path, ".git/hooks/pre-commit"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(repository.path, ".git/hooks/pre-commit"), 0o755);
}

/** What a person has besides the document: bytes of the tree, index entries, and what is staged. */
async function surroundings(repository: TemporaryRepository): Promise<string> {
  const index = (await repository.git("ls-files", "--stage", "--debug", "--", ".", `:!${path}`)).replaceAll(
    /^ {2}(ctime|mtime|dev|uid|size).*$/gm,
    "",
  );
  const status = await repository.git("status", "--porcelain", "--ignored", "--", ".", `:!${path}`, ":!.specloop");
  return [index, status, await repository.git("stash", "list"), await text(repository, other)].join("\n");
}

interface Neighbour {
  name: string;
  /** What a person has done before the edit. */
  arrange: (repository: TemporaryRepository) => Promise<unknown> | void;
  status: string;
  document?: string;
  options?: RoomOptions;
  /** False where git itself cannot tell them. */
  compare?: boolean;
  /** Porcelain status of the edited document afterwards. */
  after?: string;
  check?: (repository: TemporaryRepository) => Promise<void>;
}

const NEIGHBOURS: Neighbour[] = [
  {
    name: "another file is staged",
    arrange: async (repository) => {
      await repository.write(other, "staged\n");
      await repository.git("add", other);
    },
    status: "committed",
  },
  {
    name: "another file is partly staged",
    arrange: async (repository) => {
      await repository.write(other, lines.replace("1", "staged"));
      await repository.git("add", other);
      await repository.write(other, lines.replace("1", "staged").replace("9", "not staged"));
    },
    status: "committed",
  },
  {
    name: "another file is untracked, one deleted, one ignored",
    arrange: async (repository) => {
      await repository.write("private/mine.md", "mine\n");
      await repository.write("mine.md", "mine\n");
      await repository.git("rm", "--quiet", "--cached", other);
    },
    status: "committed",
  },
  {
    name: "the document is partly staged",
    arrange: async (repository) => {
      await repository.write(path, files[path]!.replace("none", "staged"));
      await repository.git("add", path);
      await repository.write(path, files[path]!.replace("none", "staged and not staged"));
    },
    status: "proposed",
    after: "MM",
  },
  {
    name: "the document is staged as it is in the tree",
    arrange: async (repository) => {
      await repository.write(path, files[path]!.replace("none", "staged"));
      await repository.git("add", path);
    },
    status: "proposed",
    after: "M ",
  },
  {
    name: "the document is changed and git was told to take it for unchanged",
    arrange: async (repository) => {
      await repository.git("update-index", "--assume-unchanged", path);
      await repository.write(path, files[path]!.replace("none", "hidden from git"));
    },
    status: "proposed",
    check: async (repository) => expect(await text(repository)).toContain("hidden from git"),
  },
  {
    name: "the document is untracked",
    arrange: (repository) => repository.write(fresh, "## Why\n\nmine\n"),
    document: fresh,
    status: "written",
    after: "??",
    check: async (repository) => expect(await text(repository, fresh)).toBe("## Why\n\nnew\n"),
  },
  {
    name: "the document is untracked and is to be committed as it was found",
    arrange: (repository) => repository.write(fresh, "## Why\n\nmine\n"),
    document: fresh,
    options: { options: { untracked: "commit" } },
    status: "committed",
    check: async (repository) => {
      expect(await repository.git("log", "--format=%s", "--", fresh)).toBe(`Say why\nAdd ${fresh} as found`);
      expect(await repository.git("show", `HEAD~1:${fresh}`)).toBe("## Why\n\nmine");
    },
  },
  {
    name: "the document is untracked and such are refused",
    arrange: (repository) => repository.write(fresh, "## Why\n\nmine\n"),
    document: fresh,
    options: { options: { untracked: "refuse" } },
    status: "document_busy",
    after: "??",
  },
  {
    name: "the document is staged and was never committed",
    arrange: async (repository) => {
      await repository.write(fresh, "## Why\n\nmine\n");
      await repository.git("add", fresh);
    },
    document: fresh,
    status: "written",
    after: "AM",
    check: async (repository) => expect(await repository.git("show", `:${fresh}`)).toBe("## Why\n\nmine"),
  },
  {
    name: "the document is announced with intent-to-add",
    arrange: async (repository) => {
      await repository.write(fresh, "## Why\n\nmine\n");
      await repository.git("add", "--intent-to-add", fresh);
    },
    document: fresh,
    status: "written",
    after: " A",
  },
  {
    name: "a hook refuses",
    arrange: (repository) => hook(repository, "exit 1"),
    status: "git_failed",
    check: async (repository) => expect(await text(repository)).toBe(files[path]),
  },
  {
    name: "a hook is slow",
    arrange: (repository) => hook(repository, "sleep 1"),
    status: "committed",
  },
  {
    name: "a hook formats the document",
    arrange: (repository) => hook(repository, `sed -i 's/new/New/' ${path} && git add ${path}`),
    status: "committed",
    check: async (repository) => {
      expect(await repository.git("show", `HEAD:${path}`)).toContain("New");
      expect(await repository.git("show", `:${path}`)).toContain("New");
    },
  },
  {
    name: "commits are signed and the key is not there",
    arrange: async (repository) => {
      await repository.git("config", "commit.gpgsign", "true");
      await repository.git("config", "gpg.program", "/bin/false");
    },
    status: "git_failed",
    check: async (repository) => expect(await text(repository)).toBe(files[path]),
  },
  {
    name: "core.autocrlf gives the tree other line ends than the commits",
    arrange: async (repository) => {
      await repository.git("config", "core.autocrlf", "true");
      rmSync(join(repository.path, path));
      await repository.git("checkout", "--quiet", "--", path);
    },
    status: "committed",
    check: async (repository) => {
      expect(await text(repository)).toBe("## Why\r\n\r\nnew\r\n\r\n## Notes\r\n\r\nnone\r\n");
      expect(await repository.git("cat-file", "blob", `HEAD:${path}`)).toBe("## Why\n\nnew\n\n## Notes\n\nnone");
    },
  },
  {
    name: "core.autocrlf, and the person changed the document",
    arrange: async (repository) => {
      await repository.git("config", "core.autocrlf", "true");
      await repository.write(path, "## Why\r\n\r\nmine\r\n");
    },
    status: "proposed",
    after: " M",
  },
  {
    name: ".gitattributes asks for CR LF",
    arrange: async (repository) => {
      await repository.write(".gitattributes", "*.md eol=crlf\n");
      await repository.commitAll("Attributes");
      rmSync(join(repository.path, path));
      await repository.git("checkout", "--quiet", "--", path);
    },
    status: "committed",
    check: async (repository) => expect(await text(repository)).toContain("new\r\n"),
  },
  {
    name: "a filter stores the document otherwise",
    arrange: async (repository) => {
      await repository.git("config", "filter.zero.clean", "tr o 0");
      await repository.git("config", "filter.zero.smudge", "tr 0 o");
      await repository.git("config", "filter.zero.required", "true");
      await repository.write(".gitattributes", "proposal.md filter=zero\n");
      await repository.write(path, `${files[path]}\n`);
      await repository.commitAll("Filter");
    },
    status: "committed",
    check: async (repository) => {
      expect(await repository.git("cat-file", "blob", `HEAD:${path}`)).toContain("new\n\n## N0tes\n\nn0ne");
      expect(await text(repository)).toContain("new\n\n## Notes\n\nnone");
    },
  },
  {
    name: "a required filter is not installed",
    arrange: async (repository) => {
      await repository.write(".gitattributes", "proposal.md filter=absent\n");
      await repository.commitAll("Filter");
      await repository.git("config", "filter.absent.clean", "/nonexistent/clean");
      await repository.git("config", "filter.absent.required", "true");
    },
    compare: false,
    status: "git_failed",
    check: async (repository) => expect(await text(repository)).toBe(files[path]),
  },
  {
    name: "the document lies outside a sparse checkout",
    arrange: async (repository) => {
      await repository.write("src/a.ts", "1\n");
      await repository.commitAll("Source");
      await repository.git("sparse-checkout", "set", "src");
    },
    compare: false,
    status: "unknown_document",
    check: async (repository) => expect(await repository.git("status", "--porcelain")).toBe(""),
  },
  {
    name: "the document lies inside a sparse checkout with a sparse index",
    arrange: async (repository) => {
      await repository.write("src/a.ts", "1\n");
      await repository.commitAll("Source");
      await repository.git("sparse-checkout", "set", "--sparse-index", "openspec");
    },
    status: "committed",
    check: async (repository) => expect(await repository.git("ls-tree", "--name-only", "HEAD")).toContain("src"),
  },
  {
    name: "the index is of version 4 and split",
    arrange: async (repository) => {
      await repository.git("config", "index.version", "4");
      await repository.git("update-index", "--split-index", "--force-write-index");
    },
    status: "committed",
  },
  {
    name: "HEAD is detached",
    arrange: (repository) => repository.git("switch", "--quiet", "--detach"),
    status: "commit_pending",
    check: async (repository) => expect(await text(repository)).toBe(files[path]),
  },
];

test.each(NEIGHBOURS)("$name: the edit is $status and everything else stays", async (neighbour) => {
  const { arrange, status, document = path, options, after, check, compare = true } = neighbour;
  await using repository = await temporaryRepository(files);
  await arrange(repository);
  const before = compare ? await surroundings(repository) : "";
  await using room = await openRoom(repository.path, options ?? {});
  expect(await edit(room, document)).toBe(status);
  if (document === path && compare) expect(await surroundings(repository)).toBe(before);
  if (after !== undefined)
    expect(await repository.git("status", "--porcelain", "--untracked-files=all", "--", document)).toBe(
      `${after} ${document}`,
    );
  if (status === "committed") {
    expect(await repository.git("status", "--porcelain", "--", document)).toBe("");
    expect(await repository.git("show", "--name-only", "--format=", "HEAD")).toBe(document);
  }
  await check?.(repository);
  expect(await repository.git("fsck", "--no-dangling")).toBe("");
});

type Begin = (repository: TemporaryRepository) => Promise<unknown>;
const quietly = (work: Promise<unknown>) => work.catch(() => {});

/** What git can be in the middle of, and how a person ends it. */
const OPERATIONS: [string, Begin, string[]][] = [
  ["a merge", (repository) => quietly(repository.git("merge", "side")), ["merge", "--abort"]],
  ["a rebase", (repository) => quietly(repository.git("rebase", "side")), ["rebase", "--abort"]],
  ["a cherry-pick", (repository) => quietly(repository.git("cherry-pick", "side")), ["cherry-pick", "--abort"]],
  [
    "a revert",
    async (repository) => {
      await repository.write(other, "newer\n");
      await repository.commitAll("Newer");
      await quietly(repository.git("revert", "HEAD~1"));
    },
    ["revert", "--abort"],
  ],
  ["a bisect", (repository) => repository.git("bisect", "start"), ["bisect", "reset"]],
  [
    "an am",
    async (repository) => {
      await repository.write("../side.mbox", `${await repository.git("format-patch", "-1", "side", "--stdout")}\n`);
      await quietly(repository.git("am", "../side.mbox"));
    },
    ["am", "--abort"],
  ],
];

test.each(OPERATIONS)("during %s an edit is kept, and made when it is over", async (_name, begin, end) => {
  await using repository = await temporaryRepository(files);
  await repository.git("switch", "--quiet", "--create", "side");
  await repository.write(other, "side\n");
  await repository.commitAll("Side");
  await repository.git("switch", "--quiet", "main");
  await repository.write(other, "main\n");
  await repository.commitAll("Main");
  await begin(repository);
  const head = await repository.git("rev-parse", "HEAD");
  await using room = await openRoom(repository.path);
  expect(await edit(room)).toBe("commit_pending");
  expect(await text(repository)).toBe(files[path]);
  expect(await repository.git("rev-parse", "HEAD")).toBe(head);
  await repository.git(...end);
  await room.manager.retryPending();
  expect(await text(repository)).toContain("new");
  expect(await repository.git("log", "-1", "--format=%s")).toBe("Say why");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

scenario(
  "documents",
  "An edit behind one whose commit waits is written in its order and committed with it",
  async () => {
    await using repository = await temporaryRepository(files);
    const lock = join(repository.path, ".git/index.lock");
    writeFileSync(lock, "");
    await using room = await openRoom(repository.path, { git: { lockWaitMs: 50 } });
    expect(await edit(room, path, "first")).toBe("commit_pending");
    const { revision } = await room.manager.read(path);
    const edits = [{ kind: "append_to_section" as const, section: "Why", content: "second" }];
    const more = { files: [{ path, edits, baseRevision: revision }], reason: "Say more", principal: agent };
    expect(await room.manager.update(more)).toMatchObject({ status: "commit_pending" });
    expect(await text(repository)).toContain("first\n\nsecond");
    rmSync(lock);
    await room.manager.retryPending();
    expect(await repository.git("status", "--porcelain")).toBe("");
    expect(await repository.git("rev-list", "--count", "HEAD")).toBe("2");
    expect((await room.manager.history(path, 5)).map(({ subject }) => subject)).toEqual([
      "Say more",
      "Say why",
      "Begin",
    ]);
  },
);

scenario("documents", "A document that git does not know is written and left for its first commit", async () => {
  await using repository = await temporaryRepository(files);
  await repository.write(fresh, "## Why\n\nmine\n");
  await using room = await openRoom(repository.path);
  const edits = [{ kind: "replace_section" as const, section: "Why", content: "ours" }];
  const request = { files: [{ path: fresh, edits }], reason: "Say why", principal: agent };
  const result = await room.manager.update(request);
  expect(result).toMatchObject({ status: "written", commit: null, message: expect.stringContaining("not committed") });
  expect(await text(repository, fresh)).toBe("## Why\n\nours\n");
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
  expect(await repository.git("status", "--porcelain", "--untracked-files=all")).toBe(`?? ${fresh}`);
});

test("in a linked worktree the edit goes to the branch of that worktree", async () => {
  await using repository = await temporaryRepository(files);
  await using place = await temporaryRepository();
  const linked = join(place.path, "linked");
  await repository.git("worktree", "add", "--quiet", "-b", "side", linked);
  await using room = await openRoom(linked);
  expect(await edit(room)).toBe("committed");
  expect(await repository.git("log", "-1", "--format=%s", "side")).toBe("Say why");
  expect(await repository.git("log", "-1", "--format=%s", "main")).toBe("Begin");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("a document that Git LFS keeps is not proposed on a branch", async () => {
  const spec = "openspec/specs/x/spec.md";
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n";
  await using repository = await temporaryRepository({ ...files, [spec]: pointer });
  await using room = await openRoom(repository.path);
  const edits = [{ kind: "replace_text" as const, find: "size 3", replace: "size 4" }];
  const failure = room.manager.update({ files: [{ path: spec, edits }], reason: "x", principal: agent });
  await expect(failure).rejects.toMatchObject({ code: "unsupported" });
});
