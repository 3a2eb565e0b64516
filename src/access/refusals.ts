import type { EventMap } from "../foundation/events.ts";
import { principalLabel } from "../foundation/principal.ts";
import type { AuditEntry } from "./audit.ts";

type Refusal = EventMap["access.refused"];

/** How long equal attempts are counted together. */
const WINDOW_MS = 60_000;
/** Different attempts that have entries of their own in one window; the others are counted as one. */
const MAX_KINDS = 20;

interface Kind {
  entry: AuditEntry;
  /** Attempts that have no entry yet. */
  uncounted: number;
}

/**
 * Refused attempts on their way into the audit log. The first of a kind is written at once; what comes again within a
 * minute is counted and written as one entry at its end, so that a flood of refused requests cannot fill the disk.
 */
export class Refusals implements Disposable {
  readonly #append: (entry: AuditEntry) => void;
  readonly #kinds = new Map<string, Kind>();
  #timer: NodeJS.Timeout | null = null;

  constructor(append: (entry: AuditEntry) => void) {
    this.#append = append;
  }

  take({ principal, code, what }: Refusal): void {
    this.#timer ??= setTimeout(() => this.#flush(), WINDOW_MS).unref();
    const actor = principalLabel(principal);
    const key = JSON.stringify([actor, code, what]);
    const kind =
      this.#kinds.get(key) ?? this.#begin(key, { actor, action: "access.refused", target: what, detail: { code } });
    kind.uncounted += 1;
  }

  /** What is still only counted is written. */
  [Symbol.dispose](): void {
    this.#flush();
  }

  #begin(key: string, entry: AuditEntry): Kind {
    if (this.#kinds.size >= MAX_KINDS) {
      const rest = { actor: "agent:several", action: "access.refused", target: "several", detail: { code: "several" } };
      return this.#kinds.get("") ?? this.#keep("", { entry: rest, uncounted: 0 });
    }
    this.#append(entry);
    // The attempt that begins a kind is counted by the caller and has its entry already.
    return this.#keep(key, { entry, uncounted: -1 });
  }

  #keep(key: string, kind: Kind): Kind {
    this.#kinds.set(key, kind);
    return kind;
  }

  #flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const kinds = [...this.#kinds.values()];
    this.#kinds.clear();
    for (const { entry, uncounted } of kinds) {
      if (uncounted > 0) this.#append({ ...entry, detail: { ...entry.detail, times: uncounted } });
    }
  }
}
