import { globMatcher } from "../foundation/glob.ts";

/** What an agent may do. Whatever is not named here is refused. */
export interface Capability {
  /** Names of tools; `*` stands for any characters. Tools for people are never among them. */
  tools: string[];
  /** Globs of repository paths whose documents may be read; what may be written may be read, too. */
  read: string[];
  /** Globs of repository paths whose documents may be edited; the policy for sensitive paths still applies. */
  write: string[];
  /** Calls per minute, which is also how many may come at once after a pause. */
  rate: number;
}

/** The most that a client without a token of its own may do: what every local agent needs, and nothing of a person's. */
export const DEFAULT_CAPABILITY: Capability = { tools: ["*"], read: ["**"], write: ["**"], rate: 12_000 };

/** A capability in the form that is asked, many times a second. */
export interface Scope {
  readonly capability: Capability;
  /** Reads every document: nothing has to be held back from results. */
  readonly readsAll: boolean;
  readonly writesAll: boolean;
  calls(tool: string): boolean;
  reads(path: string): boolean;
  writes(path: string): boolean;
}

export function scopeOf(capability: Capability): Scope {
  const tools = globMatcher(capability.tools);
  const read = globMatcher(capability.read);
  const write = globMatcher(capability.write);
  return {
    capability,
    readsAll: [...capability.read, ...capability.write].includes("**"),
    writesAll: capability.write.includes("**"),
    calls: (tool) => tools(tool),
    reads: (path) => read(path) || write(path),
    writes: (path) => write(path),
  };
}

/** Both must allow: how a file of the repository narrows what is built in, and can never widen it. */
export function narrowed(outer: Scope, inner: Scope): Scope {
  const rate = Math.min(outer.capability.rate, inner.capability.rate);
  return {
    capability: { ...inner.capability, rate },
    readsAll: outer.readsAll && inner.readsAll,
    writesAll: outer.writesAll && inner.writesAll,
    calls: (tool) => outer.calls(tool) && inner.calls(tool),
    reads: (path) => outer.reads(path) && inner.reads(path),
    writes: (path) => outer.writes(path) && inner.writes(path),
  };
}
