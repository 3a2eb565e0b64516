import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { InboxPage } from "./inbox.ts";
import type { People } from "./people.ts";
import { oneLine } from "./plain.ts";

const LIMIT = 20;

/** What people are shown; the rest of this room's tools are in `../tools.ts`. */
export function inboxTool(router: { people: People }): Tool {
  return defineTool({
    name: "inbox_list",
    title: "What waits for people",
    description: "Questions that wait for a person, the most urgent first, with what was tried and the passages found.",
    effect: "read",
    idempotent: true,
    toolset: "full",
    personOnly: true,
    input: z.object({ limit: z.int().min(1).max(100).optional() }),
    output: z.looseObject({
      items: z.array(z.looseObject({ questionId: z.string(), text: z.string() })),
      total: z.number(),
    }),
  }).handle({
    run: async ({ limit = LIMIT }) => ({ ...(await router.people.inbox(limit)) }),
    render: (output) => renderInbox(output as unknown as InboxPage),
  });
}

function renderInbox({ items, total }: InboxPage): string {
  if (total === 0) return "Nothing waits for you.";
  const rows = items.map(({ questionId, kind, change, waiting, text, due }) => {
    const about = change === null ? "" : `, ${change}`;
    return `- ${questionId} [${kind}${about}, ${due}, ${waiting} waiting] ${oneLine(text, 200)}`;
  });
  return [`${total} waiting`, ...rows].join("\n");
}
