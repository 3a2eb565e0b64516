import type { Exchange } from "../http-exchange.ts";

/** `GET /metrics`: counters and histograms in Prometheus' text format 0.0.4. Asks nothing and reads no database. */
export function answerMetrics({ response }: Exchange, scrape: () => string): void {
  response.writeHead(200, {
    "content-type": "text/plain; version=0.0.4; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(scrape());
}
