export { openPgBoss } from "./pgboss.ts";
export { LEASE_MS, type JobTransaction, type NewJob, type SharedJobs, type TakenJob } from "./port.ts";
