export { isOurselves } from "./launch.ts";
export { options, SERVER_NAME, type ServersOptions } from "./options.ts";
export type { ServerTool, ToolCall, ToolResult, ToolServers } from "./port.ts";
export { DownstreamServers, type ToolServersDependencies } from "./room.ts";
export { tools } from "./tools.ts";
