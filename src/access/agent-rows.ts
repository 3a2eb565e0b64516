import type { Kysely, Selectable } from "kysely";
import { insertSealed, updateSealed, verifySealed, type Store } from "../adapters/store/index.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { AuditTables } from "./audit.ts";
import type { Capability } from "./capability.ts";

export interface AgentTables {
  agents: {
    id: string;
    name: string;
    /** SHA-256 of the token, which itself is kept nowhere. */
    token_hash: string;
    /** JSON arrays of globs. */
    tools: string;
    read_paths: string;
    write_paths: string;
    /** Calls per minute. */
    rate: number;
    created_at: number;
    created_by: string;
    expires_at: number | null;
    revoked_at: number | null;
    revoked_by: string | null;
    row_hash: string;
  };
}

/** An agent that a person registered. */
export interface Agent {
  id: string;
  name: string;
  capability: Capability;
  /** Epoch milliseconds. */
  createdAt: number;
  createdBy: string;
  expiresAt: number | null;
  revokedAt: number | null;
}

export interface StoredAgent extends Agent {
  tokenHash: string;
}

type Row = Selectable<AgentTables["agents"]>;

/** What the audit log says of an agent's row when it is made: a row that says something else later was not made by us. */
export function fingerprint({ id, name, tokenHash, capability, expiresAt }: StoredAgent): string {
  return sha256(canonicalJson({ id, name, tokenHash, capability, expiresAt }));
}

export async function insertAgent(tx: Kysely<AgentTables>, agent: StoredAgent): Promise<void> {
  const { id, name, tokenHash, capability, createdAt, createdBy, expiresAt } = agent;
  await insertSealed(tx, "agents", {
    id,
    name,
    token_hash: tokenHash,
    tools: JSON.stringify(capability.tools),
    read_paths: JSON.stringify(capability.read),
    write_paths: JSON.stringify(capability.write),
    rate: capability.rate,
    created_at: createdAt,
    created_by: createdBy,
    expires_at: expiresAt,
    revoked_at: null,
    revoked_by: null,
  });
}

export async function revokeAgent(
  tx: Kysely<AgentTables>,
  id: string,
  { at, by }: { at: number; by: string },
): Promise<void> {
  await updateSealed(tx, "agents", { where: { id }, set: { revoked_at: at, revoked_by: by } });
}

/**
 * Every agent as it was registered, oldest first, and the names of those whose row is not what the audit log says: somebody
 * changed the database, so these may do nothing.
 */
export async function loadAgents(
  store: Store<AgentTables & AuditTables>,
): Promise<{ agents: StoredAgent[]; forged: string[] }> {
  const damaged = new Set((await verifySealed(store.read, "agents")).map(({ row }) => row));
  const rows = await store.read.selectFrom("agents").selectAll().orderBy("created_at").orderBy("id").execute();
  if (rows.length === 0) return { agents: [], forged: [] };
  const added = await recorded(store, "agent.added");
  const revoked = await recorded(store, "agent.revoked");
  const agents: StoredAgent[] = [];
  const forged: string[] = [];
  for (const row of rows) {
    const agent = damaged.has(`id=${row.id}`) ? null : fromRow(row);
    if (agent && added.get(agent.id) === fingerprint(agent) && (!revoked.has(agent.id) || agent.revokedAt !== null)) {
      agents.push(agent);
    } else forged.push(row.name);
  }
  return { agents, forged };
}

/** Agent id -> fingerprint, from the entries of one action. */
async function recorded(store: Store<AuditTables>, action: string): Promise<Map<string, string>> {
  const rows = await store.read.selectFrom("audit").select(["detail"]).where("action", "=", action).execute();
  const details = rows.map(({ detail }) => JSON.parse(detail) as { id?: string; fingerprint?: string });
  return new Map(details.map(({ id = "", fingerprint = "" }) => [id, fingerprint]));
}

function fromRow(row: Row): StoredAgent {
  const { id, name, token_hash: tokenHash, rate } = row;
  const globs = (text: string) => JSON.parse(text) as string[];
  return {
    id,
    name,
    tokenHash,
    capability: { tools: globs(row.tools), read: globs(row.read_paths), write: globs(row.write_paths), rate },
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}
