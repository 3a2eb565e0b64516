// The one way into the project from npm: installs what package-lock.json names if it is not installed yet, then runs the
// rest on a Node that is new enough. Runs on Node 20, so it is plain JavaScript with no dependency.
import { createHash } from "node:crypto";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const bin = (name) => at("node_modules", ".bin", name);
const bundledNode = at("node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
const stamp = at("node_modules", ".specloop-lock");

/** Lists of [arguments for Node or a tool] that each word runs, one after another. */
const plans = {
  run: (args) => [[node(), args]],
  test: (args) => [[node(), [at("node_modules", "vitest", "vitest.mjs"), "run", ...args]]],
  check: () => [
    [bin("oxfmt"), ["--check", "src", "test", "scripts", "bench"]],
    [bin("oxlint"), ["--type-aware", "src", "test", "scripts", "bench"]],
    [bin("tsc"), ["-p", "tsconfig.test.json"]],
    [bin("knip"), []],
    [node(), [at("node_modules", "vitest", "vitest.mjs"), "run", "test/floors.test.ts"]],
    [node(), ["scripts/pack-check.ts"]],
  ],
  fix: () => [
    [bin("oxfmt"), ["src", "test", "scripts", "bench"]],
    [bin("oxlint"), ["--type-aware", "--fix", "src", "test", "scripts", "bench"]],
  ],
  build: () => [[bin("tsc"), []]],
};

function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major > 24 || (major === 24 && minor >= 15);
}

function node() {
  return isNewEnough(process.version) ? process.execPath : bundledNode;
}

function install() {
  const wanted = createHash("sha256")
    .update(readFileSync(at("package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  console.error("specloop: installing dependencies (npm install), this happens once …");
  // Not `npm ci`: it refuses a lock file that lists this platform's optional binaries only. `--no-save` keeps the lock.
  const quiet = ["install", "--no-save", "--no-fund", "--no-audit", "--loglevel=error"];
  const npm = spawnSync("npm", quiet, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  if (npm.status !== 0) fail("npm install failed; its message is above. Mend that, then run the same command again.");
  writeFileSync(stamp, wanted);
}

/** npm 12 blocks install scripts unless allowed, so the `node` package may be there without its binary. */
function ensureNode() {
  if (isNewEnough(process.version) || existsSync(bundledNode)) return;
  console.error("specloop: fetching the project's own Node …");
  spawnSync(process.execPath, ["installArchSpecificPackage.js"], {
    cwd: at("node_modules", "node"),
    stdio: ["ignore", 2, 2],
  });
  if (!existsSync(bundledNode))
    fail(`Node ${process.version} is too old and the bundled one is missing. Install Node 24.15 or newer.`);
}

function fail(message) {
  console.error(`specloop: ${message}`);
  process.exit(1);
}

/** Runs one program in the foreground; signals that reach only this process are passed on. */
function run(command, args) {
  return new Promise((resolve) => {
    const path = `${dirname(node())}${process.platform === "win32" ? ";" : ":"}${process.env.PATH}`;
    const cwd = args[0]?.startsWith("src/main.ts") ? (process.env.INIT_CWD ?? process.cwd()) : root;
    const resolved = args[0]?.startsWith("src/main.ts") ? [at(args[0]), ...args.slice(1)] : args;
    const child = spawn(command, resolved, { cwd, stdio: "inherit", env: { ...process.env, PATH: path } });
    const pass = (signal) => child.kill(signal);
    process.on("SIGINT", pass).on("SIGTERM", pass).on("SIGHUP", pass);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", pass).off("SIGTERM", pass).off("SIGHUP", pass);
      resolve(code ?? (signal ? 1 : 0));
    });
    child.on("error", (error) => fail(`could not run ${command}: ${error.message}`));
  });
}

const [word, ...args] = process.argv.slice(2);
const plan = plans[word];
if (!plan) fail(`unknown word "${word}"; known: ${Object.keys(plans).join(", ")}`);
install();
ensureNode();
for (const [command, commandArgs] of plan(args)) {
  const code = await run(command, commandArgs);
  if (code !== 0) process.exit(code);
}
