export { connectHttp, connectStdio, type McpConnection } from "./connect.ts";
export { openDownstream } from "./downstream.ts";
export type { Downstream, DownstreamResult, DownstreamTarget, DownstreamTool, OpenOptions } from "./port.ts";
export { inputProblem } from "./schema.ts";
