import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { QuestionStatistics } from "./stats.ts";

const MAX_DAYS = 3650;

/** How well questions are answered; the rest of this room's tools are in `../tools.ts`. */
export function statisticsTool(router: { statistics(days: number): Promise<QuestionStatistics> }): Tool {
  return defineTool({
    name: "question_stats",
    title: "How questions were answered",
    description: "Hits, misses, false hits and latencies of asks over the last days, by route and by day.",
    effect: "read",
    idempotent: true,
    toolset: "full",
    input: z.object({ days: z.int().min(1).max(MAX_DAYS).optional().describe("7 by default.") }),
    output: z.looseObject({ asks: z.number(), hitRate: z.number().nullable() }),
  }).handle({
    run: async ({ days = 7 }) => ({ ...(await router.statistics(days)) }),
    render: (output) => renderStatistics(output as unknown as QuestionStatistics),
  });
}

function renderStatistics(shown: QuestionStatistics): string {
  const { days, asks, exactHits, similarHits, misses, similar, routes, byDay } = shown;
  const head = `${asks} asks in ${days} days: ${exactHits} exact hits, ${similarHits} from similar questions, ${misses} others`;
  const judged = `answers of similar questions: ${similar.given} given, ${similar.useful} judged useful, ${similar.wrong} wrong`;
  const ways = routes.map(
    ({ route, asks, p50, p95 }) => `- ${route}: ${asks}, p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`,
  );
  const perDay = byDay.map(
    ({ day, asks, exact, similar, falseHits }) =>
      `- ${day}: ${asks} asks, ${exact} exact, ${similar} similar, ${falseHits} false`,
  );
  return [head, judged, ...ways, ...perDay].join("\n");
}
