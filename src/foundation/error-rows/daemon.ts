import type { ErrorRow } from "./row.ts";

/** The daemon, its doors and its store. */
export const daemon = {
  daemon_not_running: {
    http: 503,
    exit: 69,
    means: "No daemon runs for this repository.",
    fix: "Start it with `specloop up`.",
  },
  daemon_running: {
    http: 409,
    exit: 3,
    means: "A daemon already runs for this repository.",
    fix: "Use it, or stop it with `specloop stop`.",
  },
  daemon_stopping: { http: 503, exit: 75, means: "The daemon is stopping.", fix: "Start it again with `specloop up`." },
  daemon_start_failed: {
    http: 503,
    exit: 70,
    means: "The daemon did not start.",
    fix: "Run `specloop up` in a terminal to see why; the log is in .specloop/logs.",
  },
  too_many_clients: {
    http: 503,
    exit: 75,
    means: "As many clients or calls as the daemon serves at once are under way.",
    fix: "Close one or wait for it to end, then try again.",
  },
  port_in_use: {
    http: 409,
    exit: 69,
    means: "The port is taken by another program.",
    fix: "Choose another with --port, or leave it out and the next free one is taken.",
  },
  store_busy: {
    http: 503,
    exit: 75,
    means: "The database is locked by another process.",
    fix: "Call again; if it stays, `specloop doctor` names the process.",
  },
  store_full: {
    http: 507,
    exit: 74,
    means: "The disk is full or cannot be written; nothing was accepted.",
    fix: "Free space and call again; no restart is needed.",
  },
  store_corrupt: {
    http: 500,
    exit: 74,
    means: "The database is damaged.",
    fix: "Run `specloop doctor --rebuild`; the damaged file is kept beside the new one.",
  },
  store_unreachable: {
    http: 503,
    exit: 69,
    means: "The team's database cannot be reached, or it refused the connection.",
    fix: "Check that PostgreSQL runs and that the address, user and password are right; then call again.",
  },
  state_unwritable: {
    http: 500,
    exit: 73,
    means: "The .specloop folder cannot be made or written.",
    fix: "Make the repository's .specloop folder writable for you, or free space on its disk; then start again.",
  },
  store_newer: {
    http: 500,
    exit: 78,
    means: "The database was written by a newer specloop.",
    fix: "Update specloop; nothing was changed.",
  },
} as const satisfies Record<string, ErrorRow>;
