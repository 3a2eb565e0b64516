import { z } from "zod";
import { YesFile } from "../access/approvals/index.ts";
import type { DownstreamTool } from "../adapters/mcp-client/index.ts";

const schemaShape = z.record(z.string(), z.unknown());
const definition = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string(),
  inputSchema: schemaShape,
  outputSchema: schemaShape.nullable(),
  annotations: schemaShape,
});
const approval = z.object({
  /** Hash of the launch. */
  launch: z.string(),
  /** What it was, to show what changed. */
  launched: z.unknown(),
  by: z.string(),
  /** Epoch milliseconds. */
  at: z.number(),
  /** Hash of the launch with which the tools were looked at: those of another program are not approved. */
  toolsOf: z.string().nullable(),
  tools: z.record(z.string(), z.object({ pin: z.string(), definition })),
  /** Who may call the tools: every local agent, or only those with a grant. */
  agents: z.enum(["all", "granted"]),
});
const file = z.object({ version: z.literal(1), repository: z.string(), servers: z.record(z.string(), approval) });

/** What a person said yes to, of one server. */
export type ServerApproval = Omit<z.output<typeof approval>, "tools"> & {
  tools: Record<string, { pin: string; definition: DownstreamTool }>;
};

/** The person's yes to servers, in `servers/` of the person's folder. */
export class ServerApprovals {
  readonly #repository: string;
  readonly #file: YesFile<typeof file>;

  constructor({ repository, env }: { repository: string; env: Record<string, string | undefined> }) {
    this.#repository = repository;
    this.#file = new YesFile({
      repository,
      env,
      folder: "servers",
      schema: file,
      empty: { version: 1, repository, servers: {} },
      consequence: "so no server counts as approved",
    });
  }

  get path(): string {
    return this.#file.path;
  }

  /** Null when nobody approved it. Throws `forbidden` for a file that others may write or that cannot be read. */
  of(server: string): ServerApproval | null {
    const { servers } = this.#file.content();
    return Object.hasOwn(servers, server) ? servers[server]! : null;
  }

  set(server: string, given: ServerApproval | null): void {
    this.#file.rewrite(({ servers: { [server]: _before, ...others } }) => ({
      version: 1,
      repository: this.#repository,
      servers: given ? { ...others, [server]: given } : others,
    }));
  }
}
