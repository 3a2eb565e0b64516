/** Work for a registered agent that another room asks for: a workflow's node, a code task. */
export interface WorkRequest {
  /** Every one of these has to be among the agent's capabilities. */
  capabilities: string[];
  text: string;
  /** JSON Schema that the answer has to have; free text when absent. */
  schema?: Record<string, unknown>;
  /** The same key names the same work: asked again after a restart it is not offered a second time. */
  key: string;
  /** Epoch milliseconds after which it is taken back. */
  deadline: number;
}

/** What the asking room gets of the registry of agents. */
export interface AgentWork {
  /** Resolves with the answer; rejects `no_agent` when nobody capable is there, `agent_silent` at the deadline. */
  request(work: WorkRequest, signal: AbortSignal): Promise<{ text: string; by: string }>;
}
