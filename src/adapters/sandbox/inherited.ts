import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC of Linux, as /proc/PID/fdinfo shows it (proc(5)). */
const CLOSED_ON_EXEC = 0o2000000;
const STANDARD = 3;

/**
 * File descriptors that whoever started us left open and that a program of ours would inherit; Node closes its own. They
 * could lead out of a sandbox, and Node cannot close but only cover them: `stdio` is what spawn needs after the standard
 * three, to be disposed when it has returned.
 */
export function coverInherited(): { stdio: number[] } & Disposable {
  const highest = Math.max(0, ...openDescriptors().filter((fd) => fd >= STANDARD && isInherited(fd)));
  if (highest === 0) return { stdio: [], [Symbol.dispose]: () => {} };
  const nothing = openSync("/dev/null", "r");
  const stdio = Array.from({ length: highest - STANDARD + 1 }, () => nothing);
  return { stdio, [Symbol.dispose]: () => closeSync(nothing) };
}

function openDescriptors(): number[] {
  try {
    return readdirSync("/proc/self/fdinfo").map(Number);
  } catch {
    return [];
  }
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & CLOSED_ON_EXEC) === 0;
  } catch {
    return false;
  }
}
