export { connectHttp, connectStdio, type McpConnection } from "./connect.ts";
export { openDownstream } from "./downstream.ts";
export { networkOf } from "./network.ts";
export type { Downstream, DownstreamResult, DownstreamTarget, DownstreamTool, Network, OpenOptions } from "./port.ts";
export { inputProblem } from "./schema.ts";
