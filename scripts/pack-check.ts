// Packs the project as npm would, checks the package, installs it in an empty folder and runs it there.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  const packages = run("npm", ["ls", "--all", "--parseable", "--omit=dev"], place).trim().split("\n").length - 1;
  const megabytes = Number(run("du", ["-sm", join(place, "node_modules")], place).split("\t")[0]);
  check(`at most 100 packages are installed (${packages})`, packages <= 100);
  check(`at most 60 MB are installed (${megabytes})`, megabytes <= 60);
} finally {
  rmSync(place, { recursive: true, force: true });
}
