import type { CliContext } from "./context.ts";

/** What a command's action does with its arguments; commander's own order: arguments, then options. */
export type Action = (context: CliContext, args: string[], options: Record<string, unknown>) => Promise<number | void>;
/** Makes an action of commander's out of ours: context, errors and exit code are handled in one place. */
export type Bind = (action: Action) => (...args: unknown[]) => Promise<void>;
