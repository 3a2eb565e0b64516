import { z } from "zod";
import { YesFile } from "../../access/approvals/index.ts";

const approval = z.object({
  hash: z.string(),
  /** What it reached, to show what changed since. */
  reach: z.array(z.object({ key: z.string(), type: z.string(), what: z.string(), with: z.array(z.string()) })),
  parts: z.record(z.string(), z.string()),
  by: z.string(),
  /** Epoch milliseconds. */
  at: z.number(),
});
const file = z.object({
  version: z.literal(1),
  repository: z.string(),
  workflows: z.record(z.string(), z.array(approval)),
});

/** What a person said yes to, of one content of a workflow. */
export type WorkflowApproval = z.output<typeof approval>;

/** Contents of one workflow that stay approved: runs that began with one of them go on. */
const MAX_KEPT = 20;

/** The person's yes to workflows, in `workflows/` of the person's folder. */
export class WorkflowApprovals {
  readonly #repository: string;
  readonly #file: YesFile<typeof file>;

  constructor({ repository, env }: { repository: string; env: Record<string, string | undefined> }) {
    this.#repository = repository;
    this.#file = new YesFile({
      repository,
      env,
      folder: "workflows",
      schema: file,
      empty: {
        version: 1,
        repository,
        workflows: {},
      },
      consequence: "so no workflow counts as approved",
    });
  }

  /** Of this name, the last one first. Throws `forbidden` for a file that others may write or that cannot be read. */
  of(name: string): WorkflowApproval[] {
    const { workflows } = this.#file.content();
    return Object.hasOwn(workflows, name) ? workflows[name]! : [];
  }

  add(name: string, given: WorkflowApproval): void {
    this.#set(name, [given, ...this.of(name).filter(({ hash }) => hash !== given.hash)].slice(0, MAX_KEPT));
  }

  /** Every content of this name; false when there was none. */
  revoke(name: string): boolean {
    if (this.of(name).length === 0) return false;
    this.#set(name, []);
    return true;
  }

  #set(name: string, given: WorkflowApproval[]): void {
    this.#file.rewrite(({ workflows: { [name]: _before, ...others } }) => ({
      version: 1,
      repository: this.#repository,
      workflows: given.length > 0 ? { ...others, [name]: given } : others,
    }));
  }
}
