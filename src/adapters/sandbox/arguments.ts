import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { SpecloopError } from "../../foundation/errors.ts";
import { isInside } from "../../foundation/paths.ts";
import type { SandboxedCommand } from "./port.ts";

/** Top folders of the system that hold programs and libraries; links among them (merged /usr) stay links. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/** What programs need of /etc: names, certificates, the loader's and the resolver's tables. No shadow, no keys. */
const ETC = [
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "group",
  "hosts",
  "host.conf",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "mime.types",
  "nsswitch.conf",
  "passwd",
  "protocols",
  "services",
  "ssl",
];
/** Settings of the kernel: they belong to root, and a sandbox that root starts would own them. */
const KERNEL = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];
const NETWORK_ETC = ["resolv.conf"];
/** A user of no meaning outside; inside it owns what the caller owns. */
const USER = "1000";
const HOME = "/tmp/home";

/**
 * Arguments for bwrap(1): all namespaces of its own, no capabilities, no further user namespaces, an environment and a
 * file tree that hold only what is named. Later mounts cover earlier ones, so what is hidden or protected comes last.
 */
export function bwrapArguments(command: SandboxedCommand): string[] {
  checkCommand(command);
  const { cwd, readable, writable, hidden, network, env, limits } = command;
  const namespaces = ["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"];
  const user = ["--cap-drop", "ALL", "--uid", USER, "--gid", USER, "--hostname", "sandbox", "--clearenv"];
  const etc = [...ETC, ...(network ? NETWORK_ETC : [])].map((name) => `/etc/${name}`);
  const variables = { HOME, PATH: "/usr/bin:/bin", LANG: "C.UTF-8", TMPDIR: "/tmp", ...env };
  return [
    namespaces,
    user,
    network ? ["--share-net"] : [],
    ...SYSTEM.map(systemFolder),
    ...etc.map((path) => ["--ro-bind-try", path, path]),
    ["--proc", "/proc", "--dev", "/dev"],
    ...KERNEL.map((path) => ["--ro-bind-try", path, path]),
    ["--size", String(limits.fileBytes), "--tmpfs", "/tmp", "--dir", HOME],
    ...readable.map((path) => ["--ro-bind", realpathSync(path), path]),
    ...writable.map((path) => ["--bind", realpathSync(path), path]),
    ...command.protected.filter((path) => existsSync(path)).map((path) => ["--ro-bind", path, path]),
    ...hidden.map(cover),
    ...Object.entries(variables).map(([name, value]) => ["--setenv", name, value]),
    ["--chdir", cwd],
  ].flat();
}

function systemFolder(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

/** A folder is covered by an empty one that cannot be written, a file by nothing at all. */
function cover(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  return found.isDirectory() ? ["--tmpfs", path, "--remount-ro", path] : ["--ro-bind", "/dev/null", path];
}

function checkCommand({ argv, cwd, readable, writable, env }: SandboxedCommand): void {
  const refuse = (why: string, target: string) => new SpecloopError("bad_input", why, { target });
  if (argv.length === 0 || argv[0] === "") throw refuse("A command needs a program.", "argv");
  for (const text of [...argv, ...Object.entries(env).flat(), cwd])
    if (text.includes("\0")) throw refuse("A command holds a NUL character.", "argv");
  const name = Object.keys(env).find((key) => !/^[A-Za-z_]\w*$/.test(key));
  if (name !== undefined) throw refuse(`"${name}" cannot be the name of a variable.`, "env");
  if (![...readable, ...writable].some((root) => isInside(root, cwd)))
    throw refuse(`The folder ${cwd} is none that the command may read.`, "cwd");
}
