import { isIP } from "node:net";
import { boundedFetch } from "./bounded-fetch.ts";
import { type Network, networkOf } from "./network.ts";

export interface WebRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string | null;
  /** Where the address has to lie when it is dialled. */
  network: Network;
  /** Of the answer's body. */
  maxBytes: number;
  signal: AbortSignal;
}

export interface WebAnswer {
  status: number;
  /** By lower-case name; several of a name are joined. Cookies are left out: nobody keeps them. */
  headers: Record<string, string>;
  body: Buffer;
  /** Where it came from in the end. */
  url: string;
}

const MAX_REDIRECTS = 5;
const MOVED = new Set([301, 302, 303, 307, 308]);
/** The caller's signal ends it sooner. */
const SILENCE_MS = 10 * 60_000;

/**
 * One exchange with a server that is not trusted: within its network, its size and the caller's time. A redirect is
 * followed for GET and HEAD on the same origin and is an error otherwise. Throws what `fetch` throws.
 */
export async function webRequest(request: WebRequest): Promise<WebAnswer> {
  const { origin } = request.url;
  const bounds = {
    network: request.network,
    maxMessageBytes: request.maxBytes,
    headersMs: SILENCE_MS,
    redirects: true,
  };
  const send = boundedFetch(origin, bounds);
  let { url } = request;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const { method, headers, body, signal } = request;
    const response = await send(url, { method, headers: { ...headers, "accept-encoding": "identity" }, body, signal });
    const to = MOVED.has(response.status) ? response.headers.get("location") : null;
    if (to === null) return { ...(await read(response, request.maxBytes)), url: url.href };
    await response.body?.cancel();
    url = redirected(url, to, request);
  }
  throw new TypeError(`${origin} redirects more than ${MAX_REDIRECTS} times`);
}

/** Where a host lies that is not looked up: an address says it, a name is the internet unless it is this machine's. */
export function networkOfHost(hostname: string): Network {
  const literal = hostname.replace(/^\[|\]$/g, "");
  if (isIP(literal) !== 0) return networkOf(literal);
  return literal === "localhost" ? "loopback" : "public";
}

function redirected(from: URL, location: string, { method }: WebRequest): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : null;
  const shown = (to?.origin ?? location).slice(0, 200);
  if (method !== "GET" && method !== "HEAD")
    throw new TypeError(`the server redirects a ${method}, which is not sent twice`);
  if (to?.origin !== from.origin) throw new TypeError(`the server redirects to ${shown}, which is not followed`);
  return to;
}

async function read(response: Response, maxBytes: number): Promise<Omit<WebAnswer, "url">> {
  const encoding = response.headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    await response.body?.cancel();
    throw new TypeError(`the answer is encoded as ${encoding.slice(0, 40)}, which was not asked for`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new TypeError(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== "set-cookie"));
  return { status: response.status, headers, body: Buffer.concat(chunks) };
}
