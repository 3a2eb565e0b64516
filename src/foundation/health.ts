/** One thing that `/ready` and `specloop doctor` look at. */
export interface HealthCheck {
  name: string;
  /** What it looks at, one sentence. */
  summary: string;
  /** Reads whole tables: for `specloop doctor`, not for what a monitor polls. */
  deep?: boolean;
  run(signal: AbortSignal): Promise<HealthResult>;
}

export interface HealthResult {
  status: "ok" | "warning" | "failing";
  message: string;
  /** What to do when it isn't ok. */
  fix?: string;
}
