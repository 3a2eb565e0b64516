// Packs the project as npm would, checks the package, installs it in an empty folder and runs it there.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const env = { ...process.env, OPENSPEC_TELEMETRY: "0" };
const place = mkdtempSync(join(tmpdir(), "specloop-pack-"));

function run(command: string, args: string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", env, stdio: ["ignore", "pipe", "inherit"] });
}

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`pack check: ${what}`);
  console.log(`pack check: ${what}: ok`);
}

/** The sum of all files' sizes: the same on every file system. */
function bytesBelow(directory: string): number {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

/** What a person does first: a daemon in an own repository, a question, the end; then the whole story. */
function useInstalled(bin: string): void {
  const repository = join(place, "repository");
  const specloop = (...args: string[]) => run(process.execPath, [bin, ...args, "--json"], repository);
  mkdirSync(repository);
  run("git", ["init", "--quiet", "--initial-branch=main"], repository);
  writeFileSync(join(repository, "README.md"), "# Shed\n\n## Colour of the shed\nThe shed is green.\n");
  run("git", ["add", "."], repository);
  run(
    "git",
    ["-c", "user.name=check", "-c", "user.email=check@example.org", "commit", "--quiet", "-m", "Begin"],
    repository,
  );
  check("the installed templates are valid", specloop("workflow", "validate", "lesson-plan").includes("true"));
  specloop("init");
  specloop("up", "--detached", "--port", "0");
  try {
    check("the installed daemon answers from a document", specloop("ask", "Colour of the shed?").includes("green"));
  } finally {
    specloop("stop");
  }
  const { ok } = JSON.parse(run(process.execPath, [bin, "demo", "--json"], place)) as { ok: boolean };
  check("the installed demo plays to its end", ok);
}

try {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  run(join(root, "node_modules/.bin/tsc"), [], root);
  const packed = run("npm", ["pack", "--json", "--pack-destination", place], root);
  const name = packed.match(/"filename":\s*"([^"]+)"/)?.[1];
  check("npm pack names a file", name !== undefined);
  run(join(root, "node_modules/.bin/publint"), ["--strict", root], root);
  run(join(root, "node_modules/.bin/attw"), [join(place, name!), "--profile", "esm-only"], root);
  writeFileSync(join(place, "package.json"), '{ "private": true }\n');
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", join(place, name!)], place);
  const bin = join(place, "node_modules", "specloop", "dist", "main.js");
  const version = run(process.execPath, [bin, "--version"], place).trim();
  check(`the installed command says its version (${version})`, /^\d+\.\d+\.\d+/.test(version));
  const library = run(
    process.execPath,
    ["--input-type=module", "-e", 'import("specloop").then((m) => console.log(Object.keys(m).length))'],
    place,
  );
  check(`the library door opens (${library.trim()} exports)`, Number(library) > 0);
  useInstalled(bin);
  const packages = run("npm", ["ls", "--all", "--parseable", "--omit=dev"], place).trim().split("\n").length - 1;
  const megabytes = Math.round(bytesBelow(join(place, "node_modules")) / 1e6);
  check(`at most 100 packages are installed (${packages})`, packages <= 100);
  check(`at most 60 MB are installed (${megabytes})`, megabytes <= 60);
} finally {
  rmSync(place, { recursive: true, force: true });
}
