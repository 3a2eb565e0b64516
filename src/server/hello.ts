import type { Socket } from "node:net";
import { SpecloopError } from "../foundation/errors.ts";
import { HELLO_TIMEOUT_MS, type Hello, helloSchema, MAX_HELLO_BYTES } from "./control-protocol.ts";
import { toWireError } from "./wire-error.ts";

/**
 * Reads the first line of a client and leaves what follows it on the socket. A client that sends nothing in time, too much
 * or something else is told why in one line (a JSON-RPC error, so that the shim's stdout stays JSON-RPC), then `bad_input`.
 */
export async function readHello(socket: Socket): Promise<Hello> {
  try {
    return parseHello(await firstLine(socket));
  } catch (error) {
    refuseHello(socket, error);
    throw error;
  }
}

/** Tells a client why it is not served. */
export function refuseHello(socket: Socket, error: unknown): void {
  if (!(error instanceof SpecloopError) || !socket.writable) return;
  const refusal = { code: -32600, message: error.message, data: toWireError(error) };
  socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: null, error: refusal })}\n`);
}

function parseHello(line: string): Hello {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new SpecloopError("bad_input", "The first line must be a JSON hello.", { target: "hello", cause });
  }
  const parsed = helloSchema.safeParse(json);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join(".") || "kind";
    throw new SpecloopError("bad_input", `The hello is wrong at "${field}".`, { target: `hello.${field}` });
  }
  if (parsed.data.kind === "control" && parsed.data.principal.kind === "system") {
    throw new SpecloopError("forbidden", "Only the daemon itself acts as the system.", {
      target: "hello.principal.kind",
    });
  }
  return parsed.data;
}

function firstLine(socket: Socket): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let read = Buffer.alloc(0);
  const refuse = (message: string) => reject(new SpecloopError("bad_input", message, { target: "hello" }));
  const onData = (chunk: Buffer) => {
    read = Buffer.concat([read, chunk]);
    const end = read.indexOf(10);
    if (end > MAX_HELLO_BYTES || (end === -1 && read.length > MAX_HELLO_BYTES)) {
      refuse(`The hello may have ${MAX_HELLO_BYTES} bytes.`);
    } else if (end !== -1) {
      socket.pause();
      socket.off("data", onData);
      if (end + 1 < read.length) socket.unshift(read.subarray(end + 1));
      resolve(read.toString("utf8", 0, end));
    }
  };
  const onEnd = () => reject(new SpecloopError("cancelled", "The client went away before its hello."));
  const timer = setTimeout(() => refuse(`The hello must come within ${HELLO_TIMEOUT_MS} ms.`), HELLO_TIMEOUT_MS);
  socket.on("data", onData).once("end", onEnd).once("close", onEnd);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.off("data", onData).off("end", onEnd).off("close", onEnd);
  });
}
