import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { edit, files, fresh, hook, lines, other, path, text } from "./neighbour.ts";
import { openRoom, type RoomOptions } from "./room.ts";

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
