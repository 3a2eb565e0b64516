import { SpecloopError } from "../../foundation/errors.ts";

const CONTROL = /\p{Cc}/u;

/** A path that git takes as given: relative, inside the worktree, without a leading `-` that would read as an option. */
export function checkPath(path: string): string {
  const parts = path.split("/");
  if (path === "" || path.startsWith("/") || parts.includes("..") || parts.includes(".") || parts.includes("")) {
    throw new SpecloopError("path_outside_root", `"${path}" is not a plain path relative to the repository.`, {
      target: path,
    });
  }
  if (path.startsWith("-") || CONTROL.test(path)) {
    throw new SpecloopError("bad_input", `The path "${path}" begins with a dash or holds a control character.`, {
      target: path,
    });
  }
  return path;
}

/** A folder: like a path, and `""` or `.` for the whole worktree. */
export function checkFolder(path: string): string | null {
  const folder = path.replace(/\/+$/, "");
  return folder === "" || folder === "." ? null : checkPath(folder);
}

/** A revision: never an option, a range or more than one word. */
export function checkRevision(revision: string): string {
  if (
    revision === "" ||
    revision.startsWith("-") ||
    revision.includes("..") ||
    CONTROL.test(revision) ||
    /[\s:]/.test(revision)
  ) {
    throw new SpecloopError("bad_input", `"${revision}" is not a revision.`, { target: revision });
  }
  return revision;
}

/** The only places where specloop creates, moves or deletes a ref. */
const OWN_REFS = /^refs\/(?:heads\/)?specloop\/./;

/** Rules of git-check-ref-format(1) that matter for names of ours. */
export function checkOwnRef(ref: string): string {
  const wrong = /\.\.|@\{|[\s~^:?*[\\]|\/\/|\/$|\.$|\.lock(?:\/|$)|\/\./.test(ref) || CONTROL.test(ref);
  if (wrong || !OWN_REFS.test(ref)) {
    throw new SpecloopError("bad_input", `"${ref}" is not a name below refs/heads/specloop/ or refs/specloop/.`, {
      target: ref,
    });
  }
  return ref;
}

/** `Name <mail>` as git wants it. */
export function checkAuthor(author: string): string {
  if (!/^[^<>\p{Cc}]+ <[^<>\p{Cc}]+>$/u.test(author)) {
    throw new SpecloopError("bad_input", `The author "${author}" is not "Name <mail>".`);
  }
  return author;
}

/**
 * The whole text of a commit message: subject, body, and the trailers as a paragraph of their own (git-interpret-
 * trailers(1)). Values with line ends are refused, because they could forge another trailer.
 */
export function composeMessage(message: string, trailers: Record<string, string> | Record<string, string>[]): string {
  const text = message.replaceAll("\r\n", "\n").split("\n").map(withoutScissors).join("\n").trim();
  if (text === "" || text.includes("\0")) throw new SpecloopError("bad_input", "A commit needs a message without NUL.");
  const lines = [trailers].flat().flatMap((one) => Object.entries(one).map(([name, value]) => trailer(name, value)));
  return lines.length > 0 ? `${text}\n\n${lines.join("\n")}\n` : `${text}\n`;
}

/**
 * `# ---- >8 ----`: git reads no trailer behind such a line, so a text with one could hide who made the commit
 * (wt-status.c). Indented it is ordinary text.
 */
function withoutScissors(line: string): string {
  return line.includes("- >8 -") && /^\S/.test(line) ? ` ${line}` : line;
}

function trailer(name: string, value: string): string {
  if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) throw new SpecloopError("bad_input", `"${name}" is not a trailer name.`);
  if (CONTROL.test(value) || value.trim() === "") {
    throw new SpecloopError("bad_input", `The value of the trailer ${name} is empty or holds a line end.`);
  }
  return `${name}: ${value.trim()}`;
}
