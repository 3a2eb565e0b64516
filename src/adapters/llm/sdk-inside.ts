/*
 * What has to reach into the SDK because it has no door there. Its version is pinned to exactly 1.5.0
 * (`docs/decisions/0005-lm-studio-sdk-pin.md`), and `test/adapters/llm` runs the real one.
 */

/** The wire keeps a token's two halves apart, and only 2.x of the SDK parses it itself. */
export function credentials(token: string | undefined): { clientIdentifier?: string; clientPasskey?: string } {
  const [, clientIdentifier, clientPasskey] = /^sk-lm-([A-Za-z0-9]{8}):([A-Za-z0-9]{20})$/.exec(token ?? "") ?? [];
  return clientIdentifier && clientPasskey ? { clientIdentifier, clientPasskey } : {};
}

/**
 * Lets a prediction settle once. The SDK throws out of reach of any caller when the connection breaks, or a fragment
 * comes, between the end of a prediction and the closing of its channel.
 */
export function settleOnce(prediction: object): void {
  if (!isPrediction(prediction)) return;
  const [finished, push] = [prediction.finished.bind(prediction), prediction.push.bind(prediction)];
  prediction.finished = (error) => {
    if (prediction.status === "pending") finished(error);
  };
  prediction.push = (fragment) => {
    if (prediction.status === "pending") push(fragment);
  };
}

interface Prediction {
  status: string;
  finished(error?: unknown): void;
  push(fragment: unknown): void;
}

function isPrediction(value: object): value is Prediction {
  return "status" in value && "finished" in value && "push" in value;
}

interface Transport {
  send?: unknown;
  queuedMessages?: unknown[];
  ws?: { terminate?(): void } | null;
}

/**
 * Closes one namespace's socket and forgets what waits to be sent. The SDK has no way to do either: its queue survives a
 * reconnect, and its disposal waits for answers that may never come. The version is pinned, so its inside is known.
 */
export function silence(port: unknown): void {
  if (!hasTransport(port)) return;
  port.transport.send = () => {};
  port.transport.queuedMessages?.splice(0);
  port.transport.ws?.terminate?.();
}

function hasTransport(port: unknown): port is { transport: Transport } {
  return port !== null && typeof port === "object" && "transport" in port && typeof port.transport === "object";
}
