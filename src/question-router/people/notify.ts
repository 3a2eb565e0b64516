import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import type { RunCommand } from "../../adapters/command/index.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Kind } from "../types.ts";
import { oneLine } from "./plain.ts";

/** A question that people are told of. */
export interface Notice {
  questionId: string;
  kind: Kind;
  text: string;
  /** A name of `questions.people.escalate`; null for a reminder. */
  to: string | null;
  waitedMs: number;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** Tells people outside; never rejects. */
export type Notify = (notices: Notice[]) => Promise<void>;

/** Where a person says how they are told: outside every repository, so that nothing in one names a command. */
export interface NotifyPlace {
  /** `$XDG_CONFIG_HOME/specloop/notify.json`. */
  file: string;
  /** False where there is none; throws for one that others may write or that lies in the repository. */
  trusted(): boolean;
  /** Top of the worktree; its name is told. */
  repository: string;
  /** What the command gets of the environment; nothing else. */
  env: Record<string, string | undefined>;
  /** Where it runs. */
  directory: string;
  /** Starts it. */
  run: RunCommand;
  logger: Logger;
}

const argv = z.array(z.string().max(1000)).min(1).max(50);
/** `command` for everybody, `to` for single names: argument vectors; `{title}`, `{text}`, `{id}` and `{count}` are filled in. */
const schema = z.object({ command: argv.optional(), to: z.record(z.string(), argv).default({}) });

const LIMIT_MS = 10_000;
const PASSED =
  /^(?:PATH|HOME|LANG|LC_.+|TZ|TMPDIR|USER|LOGNAME|DISPLAY|WAYLAND_DISPLAY|DBUS_SESSION_BUS_ADDRESS|XDG_.+)$/;

/**
 * Runs the person's own command, without a shell, once for everybody of a round that it is for: several questions become
 * one notice. They come as JSON on its stdin as well.
 */
export function notifier(place: NotifyPlace): Notify {
  return async (notices) => {
    if (notices.length === 0) return;
    try {
      if (!place.trusted()) return;
      const { command, to } = schema.parse(JSON.parse(readFileSync(place.file, "utf8")));
      for (const [name, theirs] of Map.groupBy(notices, (notice) => notice.to)) {
        const chosen = (name === null ? undefined : to[name]) ?? command;
        if (chosen) await run(chosen, theirs, place);
      }
    } catch (error) {
      place.logger.warn({ err: error, file: place.file }, "people could not be notified");
    }
  };
}

async function run(command: string[], notices: Notice[], place: NotifyPlace): Promise<void> {
  const [program = "", ...args] = command.map((part) => filledIn(part, notices, place));
  if (program.includes("/") && !program.startsWith("/")) throw new Error(`${program} is no absolute path and no name`);
  const env = Object.fromEntries(Object.entries(place.env).filter(([name]) => PASSED.test(name)));
  const input = `${JSON.stringify({ repository: place.repository, notices })}\n`;
  const { code } = await place.run({ argv: [program, ...args], cwd: place.directory, env, input, timeoutMs: LIMIT_MS });
  if (code !== 0) place.logger.warn({ program, code }, "the command that notifies people failed");
}

/** A question's words are put into an argument of their own place; they begin with its kind and so are never an option. */
function filledIn(part: string, notices: Notice[], { repository }: NotifyPlace): string {
  const [first] = notices;
  const more = notices.length > 1 ? ` (and ${notices.length - 1} more)` : "";
  const values: Record<string, string> = {
    title: `specloop: ${notices.length} waiting in ${oneLine(basename(repository), 60)}`,
    text: first ? `${first.kind}: ${oneLine(first.text, 200)}${more}` : "",
    id: first?.questionId ?? "",
    count: String(notices.length),
  };
  return part.replaceAll(/\{(title|text|id|count)\}/g, (_whole, name: string) => values[name] ?? "");
}
