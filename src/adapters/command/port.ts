/** A command of the person's own, with the person's own rights: nothing that a repository or an agent said comes here. */
export interface PersonCommand {
  /** A name of `PATH` or an absolute path, and its arguments. Never a line for a shell. */
  argv: string[];
  /** Absolute. */
  cwd: string;
  /** The whole environment; nothing is inherited. */
  env: Record<string, string | undefined>;
  /** Written to its stdin. */
  input: string;
  /** After so many milliseconds it is killed. */
  timeoutMs: number;
}

/** Runs a command to its end and drops what it prints. Rejects when it could not be started. */
export type RunCommand = (command: PersonCommand) => Promise<{
  /** Null when a signal ended it. */
  code: number | null;
}>;
