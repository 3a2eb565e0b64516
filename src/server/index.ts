export { createCaller, type CallContext, type Caller, type CallResult, type IdempotentCalls } from "./call.ts";
export { connectControl, type ControlClient } from "./control-client.ts";
export type { WireError } from "./wire-error.ts";
export type { HealthReport } from "./health.ts";
export { HttpDoor, type HttpDoorOptions } from "./http.ts";
export { createMcp, type ExtraSurface, type Mcp, type McpConnection, type McpOptions } from "./mcp.ts";
export type { ResourceContent, ResourceEntry, ResourceSource } from "./resources.ts";
export { SocketDoor, type SocketDoorOptions } from "./socket.ts";
export { listTools, type ToolAnnotations, type ToolListing } from "./tool-listing.ts";
