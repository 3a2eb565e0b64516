import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RunCommand } from "./port.ts";

export const runCommand: RunCommand = async ({ argv: [program = "", ...args], cwd, env, input, timeoutMs }) => {
  const child = spawn(program, args, {
    cwd,
    env,
    shell: false,
    stdio: ["pipe", "ignore", "ignore"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  // It need not read what it is given.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = (await once(child, "exit")) as [number | null];
  return { code };
};
