export { openPgBoss } from "./pgboss.ts";
export type { JobTransaction, NewJob, SharedJobs, TakenJob } from "./port.ts";
