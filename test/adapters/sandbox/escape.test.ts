import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempDisposableSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocketServer, type AddressInfo } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Bubblewrap, type SandboxedCommand, type SandboxResult } from "../../../src/adapters/sandbox/index.ts";

const sandbox = new Bubblewrap();
const found = await sandbox.availability();
if (!found.available) console.warn(`SKIPPED: tests of the sandbox, because ${found.why}. ${found.fix}`);

const LIMITS = {
  ms: 20_000,
  cpuSeconds: 10,
  memoryBytes: 256 * 2 ** 20,
  processes: 64,
  fileBytes: 2 ** 20,
  outputBytes: 4096,
};

/** A folder with `work` (writable) and `secret.txt` beside it, and a way to run shell lines in the sandbox. */
function place() {
  const folder = mkdtempDisposableSync(join(tmpdir(), "specloop-sandbox-"));
  const work = join(folder.path, "work");
  mkdirSync(join(work, ".git/hooks"), { recursive: true });
  mkdirSync(join(work, ".specloop"));
  writeFileSync(join(work, ".specloop/token"), "the token\n");
  writeFileSync(join(work, ".git/config"), "[core]\n");
  writeFileSync(join(folder.path, "secret.txt"), "the secret\n");
  const run = (script: string, extra: Partial<SandboxedCommand> = {}): Promise<SandboxResult> =>
    sandbox.run({
      argv: ["sh", "-c", script],
      cwd: work,
      readable: [],
      writable: [work],
      hidden: [join(work, ".specloop")],
      protected: [join(work, ".git/hooks"), join(work, ".git/config")],
      env: {},
      network: false,
      limits: LIMITS,
      signal: new AbortController().signal,
      ...extra,
    });
  return { path: folder.path, work, run, [Symbol.dispose]: () => folder.remove() };
}

describe.skipIf(!found.available)("a sandboxed command", () => {
  test("works: it reads, writes and answers with its output and code", async () => {
    using here = place();
    const result = await here.run("echo out; echo err >&2; echo kept > file; exit 3");
    expect(result).toMatchObject({ code: 3, ended: "by itself", stdout: "out\n", stderr: "err\n" });
    expect(readFileSync(join(here.work, "file"), "utf8")).toBe("kept\n");
  });

  test("reads no home, no neighbour, no shadow and no state of the daemon", async () => {
    using here = place();
    const places = [homedir(), "/root", "/home", join(here.path, "secret.txt"), "/etc/shadow", "/var", "/run", "/srv"];
    for (const path of [...places, ".specloop/token", resolve("package.json")]) {
      const { code, stdout } = await here.run(`ls -A "${path}" 2>/dev/null | head -3; cat "${path}" 2>/dev/null`);
      expect({ path, code, stdout }).toMatchObject({ path, stdout: "" });
    }
    expect((await here.run("ls -A .specloop; echo x > .specloop/new")).stdout).toBe("");
    expect(existsSync(join(here.work, ".specloop/new"))).toBe(false);
  });

  test("gets past its folder by no link, no parent and no hard link", async () => {
    using here = place();
    symlinkSync(join(here.path, "secret.txt"), join(here.work, "link"));
    symlinkSync("/", join(here.work, "root"));
    const result = await here.run(
      "cat link; cat ../secret.txt; cat root/etc/shadow; ln ../secret.txt hard; echo x > ../out; echo x > link; cat /proc/1/root/etc/shadow; ls /proc/1/cwd/..",
    );
    expect(result.stdout).not.toContain("the secret");
    expect(readFileSync(join(here.path, "secret.txt"), "utf8")).toBe("the secret\n");
    expect(existsSync(join(here.path, "out"))).toBe(false);
  });

  test("changes no hook and no configuration of git, and none of the system's files", async () => {
    using here = place();
    await here.run(
      "echo evil > .git/hooks/pre-commit; echo evil >> .git/config; mv .git/config x; rm -rf .git/hooks; echo evil > /usr/bin/evil; echo evil >> /etc/passwd",
    );
    expect(existsSync(join(here.work, ".git/hooks/pre-commit"))).toBe(false);
    expect(readFileSync(join(here.work, ".git/config"), "utf8")).toBe("[core]\n");
    expect(existsSync("/usr/bin/evil")).toBe(false);
    expect(readFileSync("/etc/passwd", "utf8")).not.toContain("evil");
  });

  test("reaches no network: neither a port of this machine nor an abstract or a named socket", async () => {
    using here = place();
    let reached = 0;
    const http = createServer((_request, response) => response.end(String((reached += 1)))).listen(0, "127.0.0.1");
    const abstract = createSocketServer((socket) => socket.end(String((reached += 1)))).listen(
      `\0specloop-${process.pid}`,
    );
    const named = createSocketServer((socket) => socket.end(String((reached += 1))));
    named.listen(join(here.work, ".specloop/daemon.sock"));
    await Promise.all(
      [http, abstract, named].map(async (server) => {
        if (!server.listening) await once(server, "listening");
      }),
    );
    const { port } = http.address() as AddressInfo;
    const script = [
      `exec 3<>/dev/tcp/127.0.0.1/${port} && echo tcp`,
      `perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0);connect(S,pack_sockaddr_un("\\0specloop-${process.pid}"))&&print "abstract"'`,
      `perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0);connect(S,pack_sockaddr_un(".specloop/daemon.sock"))&&print "named"'`,
      "cat /etc/resolv.conf",
    ].join("; ");
    const { stdout } = await here.run("", { argv: ["bash", "-c", script] });
    for (const server of [http, abstract, named]) server.close();
    expect({ stdout, reached }).toEqual({ stdout: "", reached: 0 });
  });

  test("has no privileges and gains none: setuid, mounts, namespaces, kernel settings", async () => {
    using here = place();
    const { stdout } = await here.run(
      "grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status; su -c id root </dev/null 2>&1 | grep uid=0; unshare -Ur id -u 2>/dev/null; mount -t tmpfs x /mnt 2>/dev/null && echo mounted; echo 1 > /proc/sys/kernel/printk 2>/dev/null && echo set; mknod dev b 8 0 2>/dev/null && echo node; chroot / id 2>/dev/null; cp /bin/sh s && chmod u+s s && ./s -c 'id -u'",
    );
    expect(stdout).toBe("CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n1000\n");
  });

  test("sees and signals no process outside", async () => {
    using here = place();
    const { stdout } = await here.run(`ls /proc | grep -c '^[0-9]'; kill -0 ${process.pid} 2>&1 || echo "not there"`);
    expect(Number(stdout.split("\n")[0])).toBeLessThan(10);
    expect(stdout).toContain("not there");
  });

  test("inherits no variable and no file descriptor", async () => {
    using here = place();
    process.env["SPECLOOP_SECRET"] = "hidden";
    const { stdout } = await here.run("env", { env: { GIVEN: "yes" } });
    delete process.env["SPECLOOP_SECRET"];
    expect(stdout).toContain("GIVEN=yes");
    expect(stdout).not.toContain("hidden");
    const others = "for fd in /proc/self/fd/*; do case ${fd##*/} in 0|1|2) ;; *) readlink $fd ;; esac; done";
    const targets = (await here.run(others)).stdout.split("\n");
    expect(targets.filter((target) => target !== "" && target !== "/dev/null" && !target.startsWith("/proc/"))).toEqual(
      [],
    );
  });

  test("a fork bomb is bounded, and nothing of it is left", async () => {
    using here = place();
    const result = await here.run(":(){ :|:& };:; sleep 60", {
      limits: { ...LIMITS, ms: 1500 },
      argv: ["bash", "-c", ":(){ :|:& };:; sleep 61.7"],
    });
    expect(result.ended).toBe("timeout");
    await sleep(200);
    expect(spawnSync("pgrep", ["-f", "sleep 61.7"]).stdout.toString()).toBe("");
  });

  test("memory, file size and processor time are limited", async () => {
    using here = place();
    const memory = await here.run("", { argv: ["perl", "-e", '$x = "a" x (2**30); print "got it"'] });
    expect(memory.stdout).toBe("");
    const file = await here.run(
      "head -c 5000000 /dev/zero > big; head -c 5000000 /dev/zero > /tmp/big; stat -c %s big /tmp/big",
    );
    expect(Math.max(...file.stdout.trim().split("\n").map(Number))).toBeLessThanOrEqual(LIMITS.fileBytes);
    const cpu = await here.run("while :; do :; done", { limits: { ...LIMITS, cpuSeconds: 1 } });
    expect([cpu.ended, cpu.code === 0]).toEqual(["by itself", false]);
  });

  test("of huge output the beginning and the end are kept, and a flood ends it", async () => {
    using here = place();
    const result = await here.run("echo first; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last");
    expect(result.stdout.startsWith("first\n")).toBe(true);
    expect(result.stdout.endsWith("last\n")).toBe(true);
    expect(result.stdout).toContain("bytes left out");
    expect(Buffer.byteLength(result.stdout)).toBeLessThan(LIMITS.outputBytes + 100);
    expect((await here.run("yes")).ended).toBe("too much output");
  });

  test("ends with its caller's signal, at its time, and with everything that it started", async () => {
    using here = place();
    const life = new AbortController();
    const running = here.run("sleep 62.3 & setsid sleep 62.3 & sleep 62.3", { signal: life.signal });
    await sleep(300);
    life.abort();
    expect((await running).ended).toBe("aborted");
    await sleep(100);
    expect(spawnSync("pgrep", ["-f", "sleep 62.3"]).stdout.toString()).toBe("");
  });

  test("dies with the daemon, also when that is killed", async () => {
    using here = place();
    const script = `
      import { Bubblewrap } from "${resolve("src/adapters/sandbox/index.ts")}";
      const work = ${JSON.stringify(here.work)};
      new Bubblewrap().run({ argv: ["sleep", "63.9"], cwd: work, readable: [], writable: [work], hidden: [], protected: [],
        env: {}, network: false, limits: ${JSON.stringify({ ...LIMITS, ms: 60_000 })}, signal: new AbortController().signal });
      setTimeout(() => {}, 60_000);`;
    writeFileSync(join(here.path, "run.mjs"), script);
    const child = spawn(process.execPath, [join(here.path, "run.mjs")], { stdio: "ignore" });
    const count = () => spawnSync("pgrep", ["-fc", "^sleep 63.9"]).stdout.toString().trim();
    await expect.poll(count, { timeout: 10_000 }).not.toBe("0");
    child.kill("SIGKILL");
    await expect.poll(count, { timeout: 5000 }).toBe("0");
  });

  test("an argument is never a line for a shell", async () => {
    using here = place();
    const { stdout } = await here.run("", { argv: ["printf", "%s|", "a b", "$(id)", "; id", "--", "-e"] });
    expect(stdout).toBe("a b|$(id)|; id|--|-e|");
  });

  test("bad commands are refused with the reason", async () => {
    using here = place();
    await expect(here.run("", { argv: [] })).rejects.toMatchObject({ code: "bad_input", target: "argv" });
    await expect(here.run("", { argv: ["a\0b"] })).rejects.toMatchObject({ code: "bad_input" });
    await expect(here.run("", { cwd: "/etc" })).rejects.toMatchObject({ code: "bad_input", target: "cwd" });
    await expect(here.run("", { env: { "A=B": "x" } })).rejects.toMatchObject({ code: "bad_input", target: "env" });
    const unknown = await here.run("", { argv: ["no-such-program"] });
    expect(unknown.code).not.toBe(0);
    expect(unknown.stderr).toContain("no-such-program");
  });
});

test("without bubblewrap a command is refused with the way to install it", async () => {
  const none = new Bubblewrap("/nonexistent/bwrap");
  using folder = mkdtempDisposableSync(join(tmpdir(), "specloop-sandbox-"));
  const command = {
    argv: ["true"],
    cwd: folder.path,
    readable: [folder.path],
    writable: [],
    hidden: [],
    protected: [],
  };
  const run = none.run({ ...command, env: {}, network: false, limits: LIMITS, signal: new AbortController().signal });
  await expect(run).rejects.toMatchObject({
    code: "no_sandbox",
    fix: expect.stringContaining("apt-get install bubblewrap"),
  });
});

const root = found.available && process.getuid?.() === 0;

test.skipIf(!root)("a user without privileges is held to the number of processes as well", () => {
  const user = ["--reuid=65534", "--regid=65534", "--clear-groups", "bwrap", "--unshare-all", "--unshare-user"];
  const tree = ["--disable-userns", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"];
  const script = "sleep 0 & wait; echo one; for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; echo all";
  const { stdout, stderr } = spawnSync("setpriv", [...user, ...tree, "prlimit", "--nproc=8", "sh", "-c", script], {
    cwd: "/",
    encoding: "utf8",
  });
  expect({ stdout, stderr }).toMatchObject({ stdout: "one\n", stderr: expect.stringContaining("annot fork") });
});
