/**
 * The documents that somebody may not read, for a thread, to which a function cannot be sent. Worked out once for each
 * function while the documents stay the same.
 */
export class Scopes {
  readonly #known = new WeakMap<(path: string) => boolean, { generation: number; hidden: ReadonlySet<string> }>();

  hidden(
    mayRead: (path: string) => boolean,
    documents: ReadonlyMap<string, string>,
    generation: number,
  ): ReadonlySet<string> {
    const known = this.#known.get(mayRead);
    if (known?.generation === generation) return known.hidden;
    const hidden = new Set([...documents.keys()].filter((path) => !mayRead(path)));
    this.#known.set(mayRead, { generation, hidden });
    return hidden;
  }
}
