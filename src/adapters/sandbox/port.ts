/** A command as it is to be run: a program with arguments, never a line for a shell. */
export interface SandboxedCommand {
  /** Program and arguments; a program without a slash is looked for in /usr/bin and /bin of the sandbox. */
  argv: string[];
  /** Absolute; it has to lie in one of `readable` or `writable`. */
  cwd: string;
  /** Absolute folders and files that it may read, under their own paths. The system's programs are always readable. */
  readable: string[];
  /** The same for what it may also write. */
  writable: string[];
  /** Absolute paths inside these that it must not see: credentials, the daemon's own state. */
  hidden: string[];
  /** Absolute paths inside `writable` that it may read only: git's hooks and configuration. */
  protected: string[];
  /** The whole environment; nothing is inherited. */
  env: Record<string, string>;
  /** Whether it sees the network of this machine; without, it has none, not even loopback of the host. */
  network: boolean;
  input?: string;
  limits: SandboxLimits;
  signal: AbortSignal;
  /** Called with each piece of output as it comes. */
  onOutput?(stream: "stdout" | "stderr", text: string): void;
}

export interface SandboxLimits {
  /** Wall clock, milliseconds. */
  ms: number;
  /** Processor time of one process, seconds. */
  cpuSeconds: number;
  /** Memory of one process, bytes; of all together where a control group can be made. */
  memoryBytes: number;
  processes: number;
  /** Largest file that it may write, bytes, and the size of its temporary folder. */
  fileBytes: number;
  /** Kept of each stream, bytes; the rest is counted and dropped. */
  outputBytes: number;
}

export interface SandboxResult {
  /** Null when a signal ended it. */
  code: number | null;
  signal: string | null;
  /** Why we ended it. */
  ended: "by itself" | "timeout" | "aborted" | "too much output";
  stdout: string;
  stderr: string;
  /** Bytes that were dropped of each. */
  dropped: { stdout: number; stderr: number };
  ms: number;
}

export type SandboxAvailability = { available: true } | { available: false; why: string; fix: string };

/** Runs commands that are not trusted. Nothing outlives `run`: whatever it started is dead when it settles. */
export interface Sandbox {
  readonly name: string;
  /** Looks once whether it works here; the answer is kept. */
  availability(): Promise<SandboxAvailability>;
  /** Settles with what happened, also after a timeout; rejects `no_sandbox`, and `bad_input` for a command that is none. */
  run(command: SandboxedCommand): Promise<SandboxResult>;
}
