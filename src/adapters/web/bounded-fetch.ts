import { lookup as resolveName } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { Readable, Transform } from "node:stream";
import { networkOf, type Network } from "./network.ts";

export interface Bounds {
  network: Network;
  /** Of one body, or of one event of a stream. */
  maxMessageBytes: number;
  /** Milliseconds without a byte until the answer begins. */
  headersMs: number;
  /** Whether a redirect is given to the caller as an answer. Absent: it is an error. Nobody follows it either way. */
  redirects?: boolean;
}

/** Events of one stream per second, at most: a server that floods is given up. */
const MAX_EVENTS = 500;
const NO_BODY = new Set([204, 205, 304]);

/**
 * A `fetch` for one server that is not trusted: it follows no redirect, connects only to addresses of the network that
 * was approved (looked at when it dials, so that a name cannot be turned to another place later), and cuts a body or an
 * event that is too long.
 */
export function boundedFetch(origin: string, bounds: Bounds): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== origin) throw new TypeError(`${url.origin} is not the server that was approved, ${origin}`);
    return responseOf(await exchange(url, init, bounds), bounds);
  };
}

function responseOf(answer: IncomingMessage, bounds: Bounds): Response {
  const { statusCode: status = 0, statusMessage: statusText = "", headers: given } = answer;
  const isEmpty = NO_BODY.has(status);
  if (status >= 300 && status < 400 && !isEmpty && bounds.redirects !== true) {
    answer.destroy();
    throw new TypeError(`the server redirects to ${given.location ?? "nowhere"}, which is not followed`);
  }
  if (isEmpty) answer.resume();
  return new Response(isEmpty ? null : bodyOf(answer, bounds), { status, statusText, headers: headersOf(given) });
}

function headersOf(given: IncomingMessage["headers"]): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(given)) {
    for (const value of [values].flat()) if (value !== undefined) headers.append(name, value);
  }
  return headers;
}

function exchange(url: URL, init: RequestInit, bounds: Bounds): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const literal = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(literal) !== 0 && networkOf(literal) !== bounds.network) {
    reject(new TypeError(`${literal} is not in the ${bounds.network} network that was approved`));
    return promise;
  }
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  const request = send(url, {
    method: init.method ?? "GET",
    headers: Object.fromEntries(new Headers(init.headers)),
    lookup: lookupIn(bounds.network),
    ...(init.signal && { signal: init.signal }),
  });
  request.setTimeout(bounds.headersMs, () => request.destroy(new Error("the server is silent")));
  request.once("error", reject);
  request.once("response", (answer) => {
    // A stream of events may be quiet for as long as nothing happens.
    request.setTimeout(0);
    resolve(answer);
  });
  request.end(typeof init.body === "string" ? init.body : undefined);
  return promise;
}

/** Resolves names as ever, and fails when the address lies elsewhere than what was approved. */
function lookupIn(network: Network): LookupFunction {
  return (host, options, done) => {
    resolveName(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, "", 0);
      const wrong = addresses.find(({ address }) => networkOf(address) !== network);
      if (wrong) {
        const why = `${host} is ${wrong.address}, which is not in the ${network} network that was approved`;
        return done(new Error(why), "", 0);
      }
      if (options.all) return done(null, addresses);
      const [first] = addresses;
      done(first ? null : new Error(`${host} has no address`), first?.address ?? "", first?.family ?? 0);
    });
  };
}

function bodyOf(answer: IncomingMessage, { maxMessageBytes }: Bounds): ReadableStream<Uint8Array> {
  const isEvents = answer.headers["content-type"]?.includes("text/event-stream") === true;
  let length = 0;
  let last = 0;
  let events = 0;
  let second = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const now = Math.floor(performance.now() / 1000);
      if (now !== second) [events, second] = [0, now];
      for (const byte of chunk) {
        // A blank line ends an event.
        if (isEvents && byte === 10 && last === 10) [length, events] = [0, events + 1];
        else if (byte !== 13) last = byte;
        length += 1;
        if (length > maxMessageBytes) return done(new Error(`a message has more than ${maxMessageBytes} bytes`));
        if (events > MAX_EVENTS) return done(new Error("it sends events without end"));
      }
      done(null, chunk);
    },
  });
  answer.once("error", (error) => limit.destroy(error));
  limit.once("close", () => answer.destroy());
  return Readable.toWeb(answer.pipe(limit)) as ReadableStream<Uint8Array>;
}
