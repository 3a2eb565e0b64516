import type { ErrorRow } from "./row.ts";

/** Tools of downstream MCP servers, and the agents that take work. */
export const tools = {
  unknown_server: {
    http: 404,
    exit: 64,
    means: "No downstream MCP server has this name.",
    fix: "Run `specloop server list` for the names.",
  },
  tool_unapproved: {
    http: 403,
    exit: 77,
    means: "No person has approved this downstream server or tool.",
    fix: "Look at it with `specloop server show NAME`, then approve it with `specloop server approve NAME`.",
  },
  tool_changed: {
    http: 409,
    exit: 77,
    means: "The downstream tool is not the one that was approved: its definition changed.",
    fix: "See the difference with `specloop server show NAME`, then approve it again or leave it off.",
  },
  tool_unavailable: {
    http: 503,
    exit: 69,
    means: "The downstream server cannot take a call now.",
    fix: "Run `specloop server list`, which says why and when it is tried again.",
  },
  tool_timeout: {
    http: 504,
    exit: 75,
    means: "The downstream tool did not answer in time.",
    fix: "Call again, or raise its limit in `servers` of specloop.yaml.",
  },
  tool_failed: {
    http: 502,
    exit: 70,
    means: "The downstream tool reported an error.",
    fix: "Read what it said, correct the input and call again.",
  },
  no_agent: {
    http: 503,
    exit: 69,
    means: "No registered agent can do this.",
    fix: "Let an agent register itself for such work, or give it to another node type.",
  },
  agent_silent: {
    http: 504,
    exit: 75,
    means: "No agent answered before the deadline.",
    fix: "Ask again later; `specloop agent workers` shows who is there.",
  },
} satisfies Record<string, ErrorRow>;
