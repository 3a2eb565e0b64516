// The one way into the project from npm: installs what package-lock.json names if it is not installed yet, then runs the
// rest on a Node that is new enough. Runs on Node 20, so it is plain JavaScript with no dependency.
import { createHash } from "node:crypto";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const bin = (name) => at("node_modules", ".bin", name);
const bundledNode = at("node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
const stamp = at("node_modules", ".specloop-lock");
/** Other versions of OpenSpec under names of their own, which tests compare ours with: not in the product's own tree. */
const versions = at("test", "openspec-versions");

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

/** Two terminals may come at once: the second waits for the first, since two npm would break each other's folder. */
function install() {
  const wanted = hashOf(at("package-lock.json"));
  if (isInstalled(wanted)) return;
  const unlock = lock(root);
  try {
    if (isInstalled(wanted)) return;
    console.error("specloop: installing dependencies (npm install); this happens once and takes about half a minute …");
    // Not `npm ci`: it refuses a lock file that lists this platform's optional binaries only. `--no-save` keeps the lock.
    const quiet = ["install", "--no-save", "--include=dev", "--no-fund", "--no-audit", "--loglevel=error"];
    const npm = spawnSync("npm", quiet, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
    if (npm.error)
      fail(`npm could not be started (${npm.error.message}). Install npm, then run the same command again.`);
    if (npm.status !== 0)
      fail(
        "npm install failed; its message is above. If it names the network or the registry, mend that; otherwise remove" +
          " the folder node_modules. Then run the same command again.",
      );
    writeFileSync(stamp, wanted);
  } finally {
    unlock();
  }
}

/** Without a registry the tests that need them say so and are skipped; nothing else depends on them. */
function installVersions() {
  const wanted = hashOf(join(versions, "package-lock.json"));
  const versionsStamp = join(versions, "node_modules", ".specloop-lock");
  const areThere = () => existsSync(versionsStamp) && readFileSync(versionsStamp, "utf8") === wanted;
  if (areThere()) return;
  const unlock = lock(versions);
  try {
    if (areThere()) return;
    console.error("specloop: installing OpenSpec's versions for the comparison (npm ci in test/openspec-versions) …");
    const quiet = ["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"];
    const npm = spawnSync("npm", quiet, {
      cwd: versions,
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32",
    });
    if (npm.status === 0) writeFileSync(versionsStamp, wanted);
    else console.error("specloop: they could not be installed; the comparison with them is skipped.");
  } finally {
    unlock();
  }
}

function hashOf(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** The stamp tells which lock file was installed; a package that is gone since then means installing again. */
function isInstalled(wanted) {
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) return false;
  const { dependencies, devDependencies } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  const missing = Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !existsSync(at("node_modules", name, "package.json")),
  );
  if (missing.length > 0) rmSync(at("node_modules", ".package-lock.json"), { force: true });
  return missing.length === 0;
}

/** A file beside the temporary ones that names the process that installs; what a dead process left behind is taken away. */
function lock(folder) {
  const name = createHash("sha256").update(folder).digest("hex").slice(0, 16);
  const path = join(tmpdir(), `specloop-setup-${name}.lock`);
  for (let said = false; ; said = true) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      const unlock = () => rmSync(path, { force: true });
      process.on("exit", unlock);
      return unlock;
    } catch (error) {
      if (error.code !== "EEXIST") return () => {};
    }
    if (!isRunning(path)) rmSync(path, { force: true });
    else if (!said) console.error("specloop: another terminal installs the dependencies; waiting for it …");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
  }
}

function isRunning(path) {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    // Just made and not filled yet counts as running.
    return pid === 0 ? Date.now() - statSync(path).mtimeMs < 2_000 : process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
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
    const isOurs = args[0]?.startsWith("src/main.ts");
    const cwd = isOurs ? (process.env.INIT_CWD ?? process.cwd()) : root;
    const resolved = isOurs ? [at(args[0]), ...args.slice(1)] : args;
    // Hints then name the command as it can be typed from a clone.
    const called = isOurs ? { SPECLOOP_CALLED_AS: "npm run specloop --" } : {};
    const child = spawn(command, resolved, { cwd, stdio: "inherit", env: { ...process.env, ...called, PATH: path } });
    const pass = (signal) => child.kill(signal);
    process.on("SIGINT", pass).on("SIGTERM", pass).on("SIGHUP", pass);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", pass).off("SIGTERM", pass).off("SIGHUP", pass);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
    child.on("error", (error) => fail(`could not run ${command}: ${error.message}`));
  });
}

const [word, ...args] = process.argv.slice(2);
const plan = plans[word];
if (!plan) fail(`unknown word "${word}"; known: ${Object.keys(plans).join(", ")}`);
install();
ensureNode();
if (word === "test") installVersions();
for (const [command, commandArgs] of plan(args)) {
  const code = await run(command, commandArgs);
  if (code !== 0) process.exit(code);
}
