export { Agents, type AskedAgent, type Received } from "./agents.ts";
export type { AgentDesk } from "./desk.ts";
export { renderOffers } from "./render.ts";
export { agentTools } from "./tools.ts";
export { type OfferedItem, workerKey } from "./types.ts";
