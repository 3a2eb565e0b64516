import type { HealthCheck, HealthResult } from "../foundation/health.ts";
import { toSpecloopError } from "../foundation/errors.ts";

export type HealthReport = { name: string; summary: string } & HealthResult;

/** How long one check may take before it counts as failing; a deep one reads whole tables. */
const CHECK_TIMEOUT_MS = 3000;
const DEEP_TIMEOUT_MS = 60_000;

/** Runs all checks at once; one that throws or hangs is reported as failing, never thrown. */
export function runHealthChecks(checks: readonly HealthCheck[]): Promise<HealthReport[]> {
  return Promise.all(checks.map(runCheck));
}

async function runCheck(check: HealthCheck): Promise<HealthReport> {
  const { name, summary } = check;
  const limit = check.deep ? DEEP_TIMEOUT_MS : CHECK_TIMEOUT_MS;
  const signal = AbortSignal.timeout(limit);
  const late = new Promise<HealthResult>((resolve) => {
    const message = `The check took longer than ${limit} ms.`;
    signal.addEventListener("abort", () => resolve({ status: "failing", message }), { once: true });
  });
  try {
    return { name, summary, ...(await Promise.race([check.run(signal), late])) };
  } catch (error) {
    const { message, fix } = toSpecloopError(error);
    return { name, summary, status: "failing", message, fix };
  }
}
