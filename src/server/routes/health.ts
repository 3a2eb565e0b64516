import type { HealthCheck } from "../../foundation/health.ts";
import { runHealthChecks } from "../health.ts";
import type { Exchange } from "../http-exchange.ts";

/** `GET /health`: that the process answers, and nothing about it; the only address without a token. */
export function answerHealth(exchange: Exchange): void {
  exchange.reply(200, { status: "ok" });
}

/** `GET /ready`: every check; 503 when one fails. */
export async function answerReady(exchange: Exchange, checks: readonly HealthCheck[]): Promise<void> {
  const reports = await runHealthChecks(checks);
  const worst =
    ["failing", "warning", "ok"].find((status) => reports.some((report) => report.status === status)) ?? "ok";
  exchange.reply(worst === "failing" ? 503 : 200, { status: worst, checks: reports });
}
