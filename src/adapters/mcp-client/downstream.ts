import {
  Client,
  type RequestOptions,
  SdkError,
  SdkErrorCode,
  StreamableHTTPClientTransport,
  type Transport,
} from "@modelcontextprotocol/client";
import { connect, type Socket } from "node:net";
import { SpecloopError } from "../../foundation/errors.ts";
import { LineReader } from "../../foundation/lines.ts";
import { VERSION } from "../../foundation/version.ts";
import { boundedFetch } from "../web/index.ts";
import { type Child, startChild } from "./child.ts";
import { asDownstreamError } from "./failures.ts";
import { LineTransport } from "./line-transport.ts";
import type { Downstream, DownstreamTarget, DownstreamTool, OpenOptions } from "./port.ts";
import { resultOf } from "./results.ts";
import { cheapSchema } from "./schema.ts";
import { listAll } from "./tool-list.ts";

/** Share of the time to start after which silence to the newer handshake is taken for an older server. */
const PROBE_SHARE = 1 / 3;
/** A line of stderr is cut here. */
const MAX_NOISE_BYTES = 64 * 1024;

interface Way {
  transport: Transport;
  pid: number | null;
  /** Why the connection ended, as far as the way knows. */
  fault(): string | null;
  stop(): Promise<void>;
}

/**
 * Starts or reaches a server and shakes hands, in whichever protocol era it speaks. Rejects `tool_unavailable` and
 * `tool_timeout`; nothing is left running then.
 */
export async function openDownstream(target: DownstreamTarget, options: OpenOptions): Promise<Downstream> {
  const late = AbortSignal.timeout(options.timeoutMs);
  const bounds = { late, deadline: AbortSignal.any([late, options.signal]) };
  try {
    return await attempt(target, options, bounds);
  } catch (error) {
    if (!(error instanceof SpecloopError) || !wasTooNew(error.cause) || target.kind === "http") throw error;
    // Older servers end when they are asked anything before the handshake that they know.
    return attempt(target, options, { ...bounds, prior: { kind: "legacy" } });
  }
}

interface Bounds {
  late: AbortSignal;
  /** Also fires when the start is given up. */
  deadline: AbortSignal;
  prior?: { kind: "legacy" };
}

async function attempt(target: DownstreamTarget, options: OpenOptions, bounds: Bounds): Promise<Downstream> {
  const { late, deadline, prior } = bounds;
  deadline.throwIfAborted();
  const way = await wayTo(target, options);
  const client = clientFor(options);
  try {
    const request = { timeout: options.timeoutMs, signal: deadline, ...(prior && { prior }) };
    await Promise.race([client.connect(way.transport, request), rejectionOf(deadline)]);
  } catch (thrown) {
    const fault = way.fault();
    await way.stop();
    options.signal.throwIfAborted();
    if (fault !== null) throw new SpecloopError("tool_unavailable", `It did not start: ${fault}.`, { cause: thrown });
    if (late.aborted) {
      const message = `It did not start within ${options.timeoutMs} ms.`;
      throw new SpecloopError("tool_timeout", message, { cause: thrown });
    }
    throw asDownstreamError(thrown, "start");
  }
  return handle(client, way, options);
}

function wasTooNew(cause: unknown): boolean {
  return cause instanceof SdkError && cause.code === SdkErrorCode.EraNegotiationFailed;
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason as Error);
  signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  return promise;
}

/** No capability is declared: neither sampling nor roots nor elicitation, so a server cannot ask anything of us. */
function clientFor({ timeoutMs, onToolsChanged }: OpenOptions): Client {
  const client = new Client(
    { name: "specloop", version: VERSION },
    {
      versionNegotiation: { mode: "auto", probe: { timeoutMs: Math.ceil(timeoutMs * PROBE_SHARE) } },
      listChanged: { tools: { autoRefresh: false, onChanged: onToolsChanged } },
    },
  );
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's client is no event target
  client.onerror = () => {};
  return client;
}

async function wayTo(target: DownstreamTarget, options: OpenOptions): Promise<Way> {
  if (target.kind === "http") return wayOverHttp(target, options);
  if (target.kind === "socket") return wayOverSocket(target.path, options);
  const child = await startChild(target);
  listenTo(child, options.onNoise);
  const { maxMessageBytes, onNoise } = options;
  const { stdin: input, stdout: output } = child;
  const transport = new LineTransport({ input, output, maxMessageBytes, onNoise, hangUp: () => child.stop() });
  void child.ended.then((reason) => transport.fail(reason));
  return { transport, pid: child.group, fault: () => transport.fault, stop: () => closed(transport, child) };
}

async function closed(transport: Transport, child: Child): Promise<void> {
  await transport.close();
  await child.ended;
}

/** What a server writes to stderr, line by line; a line without end is dropped. */
function listenTo(child: Child, onNoise: (line: string) => void): void {
  let lines = new LineReader(MAX_NOISE_BYTES);
  child.stderr.on("data", (chunk: Buffer) => {
    try {
      for (const line of lines.push(chunk)) onNoise(line);
    } catch {
      lines = new LineReader(MAX_NOISE_BYTES);
    }
  });
}

async function wayOverSocket(path: string, { maxMessageBytes, onNoise }: OpenOptions): Promise<Way> {
  const socket = await dial(path);
  const hangUp = async () => void socket.destroy();
  const transport = new LineTransport({ input: socket, output: socket, maxMessageBytes, onNoise, hangUp });
  return { transport, pid: null, fault: () => transport.fault, stop: () => transport.close() };
}

function dial(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path);
  socket.once("connect", () => resolve(socket));
  socket.once("error", (cause) => {
    reject(new SpecloopError("tool_unavailable", `Nobody listens on ${path}: ${cause.message}`, { cause }));
  });
  return promise;
}

async function wayOverHttp(
  { url, headers, network }: Extract<DownstreamTarget, { kind: "http" }>,
  { timeoutMs: headersMs, maxMessageBytes }: OpenOptions,
): Promise<Way> {
  const address = new URL(url);
  const fetch = boundedFetch(address.origin, { network, maxMessageBytes, headersMs });
  const transport = new StreamableHTTPClientTransport(address, { requestInit: { headers }, fetch });
  return { transport, pid: null, fault: () => null, stop: () => transport.close() };
}

function handle(client: Client, way: Way, options: OpenOptions): Downstream {
  let disposed = false;
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's client is no event target
  client.onclose = () => {
    if (!disposed) options.onClosed(way.fault() ?? "the connection was closed");
  };
  if (way.fault() !== null) queueMicrotask(() => client.onclose?.());
  const said = client.getServerVersion();
  return {
    protocol: client.getNegotiatedProtocolVersion() ?? "",
    says: said ? `${said.name} ${said.version}`.slice(0, 200) : "",
    pid: way.pid,
    tools: async (limit) => {
      try {
        return await listAll(client, limit);
      } catch (thrown) {
        throw asDownstreamError(thrown, "tools/list", way.fault());
      }
    },
    call: async (tool, input, limit) => {
      try {
        const request = { name: tool.name, arguments: input };
        return resultOf(await client.callTool(request, { ...asOptions(limit), toolDefinition: checked(tool) }));
      } catch (thrown) {
        throw asDownstreamError(thrown, tool.name, way.fault());
      }
    },
    [Symbol.asyncDispose]: async () => {
      disposed = true;
      await client.close().catch(() => {});
      await way.stop();
    },
  };
}

function asOptions({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): RequestOptions {
  return { timeout: timeoutMs, maxTotalTimeout: timeoutMs, resetTimeoutOnProgress: false, signal };
}

/** The definition that results are checked against: only as far as that costs little. */
function checked({ name, inputSchema, outputSchema }: DownstreamTool): {
  name: string;
  inputSchema: { type: "object" };
  outputSchema?: { type: "object" };
} {
  const output = outputSchema && cheapSchema(outputSchema);
  return {
    name,
    inputSchema: { ...inputSchema, type: "object" },
    ...(output && { outputSchema: { ...output, type: "object" as const } }),
  };
}
