import type { Kysely, KyselyPlugin } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";

/**
 * Runs the work of one write on a handle that dies with it, so that a late query fails instead of landing in somebody
 * else's transaction. Rejects `internal` when the work takes more than `workMs` milliseconds.
 */
export async function limited<Tables, T>(
  db: Kysely<Tables>,
  workMs: number,
  work: (tx: Kysely<Tables>) => Promise<T>,
): Promise<T> {
  const handle = new Handle();
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const why = `A write held the database for ${workMs} ms: inside store.write nothing but queries may be awaited.`;
  const timer = setTimeout(() => reject(new SpecloopError("internal", why)), workMs);
  try {
    return await Promise.race([work(db.withPlugin(handle)), deadline]);
  } finally {
    handle.over = true;
    clearTimeout(timer);
  }
}

class Handle implements KyselyPlugin {
  over = false;

  transformQuery({ node }: Parameters<KyselyPlugin["transformQuery"]>[0]) {
    if (this.over)
      throw new SpecloopError(
        "internal",
        "A query came after its write was over: await every query inside store.write.",
      );
    return node;
  }

  async transformResult({ result }: Parameters<KyselyPlugin["transformResult"]>[0]) {
    return result;
  }
}
