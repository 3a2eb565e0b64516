import { z } from "zod";
import { networkOfHost, type WebAnswer, webRequest } from "../../adapters/web/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import type { Attempt, NodeType, Outcome, Reached, WovenPart } from "../node-type.ts";
import type { FailureKind } from "../plan.ts";
import { asText } from "../templates-text.ts";
import { secretsIn } from "./secrets-in.ts";

const DEFAULT_MS = 60_000;
/** What a message's framing and its way hang on, which is not the author's nor the data's to say. */
const NOT_TO_SET = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "te",
  "trailer",
  "expect",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "accept-encoding",
]);
/** RFC 9110: they change nothing, so they may be sent again. */
const SAFE = new Set(["GET", "HEAD"]);

const config = z
  .strictObject({
    method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
    origin: z
      .string()
      .max(300)
      .refine(isOrigin, "an origin is http:// or https://, a host, maybe a port, and nothing after it")
      .describe("Scheme, host and port, such as https://api.example.org; no value of a run can change it"),
    network: z
      .enum(["public", "private", "loopback"])
      .optional()
      .describe("Where the host has to lie; named for a host name outside of the internet"),
    path: z
      .string()
      .max(8000)
      .regex(/^\/[^?#\s]*$/, "a path begins with / and has no ?, # or blank")
      .default("/")
      .describe("Values in it are encoded: none is more than a part of one segment"),
    query: z.record(z.string().max(200), z.unknown()).default({}).describe("Parameters by name; null leaves one out"),
    headers: z
      .record(z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, "is no name of a header"), z.string().max(20_000))
      .refine((headers) => !Object.keys(headers).some((name) => NOT_TO_SET.has(name.toLowerCase())), {
        message: `these are not set by hand: ${[...NOT_TO_SET].join(", ")}`,
      })
      .default({})
      .describe("Secrets as ${{ secrets.NAME }}"),
    json: z.unknown().optional().describe("The body as JSON"),
    body: z.string().max(4_000_000).optional().describe("The body as text"),
    expect: z.enum(["auto", "json", "text"]).default("auto").describe("What the answer's body is read as"),
    max_kb: z.int().min(1).max(16_384).default(1024).describe("Size of the answer at most"),
    allow_failure: z.boolean().default(false).describe("A status of 400 or more is a result, not a failure"),
  })
  .refine(({ json, body }) => json === undefined || body === undefined, "give json or body, not both");
type Config = z.output<typeof config>;

/** Sends a request to a host that the definition names, and gives what came back. */
export const http: NodeType<Config> = {
  type: "http",
  description: "Sends an HTTP request to a host that is written in the definition.",
  config,
  expressions: [],
  literal: ["method", "origin", "network", "expect", "max_kb", "allow_failure"],
  secrets: ["headers"],
  weave: { path: encoded },
  timeoutMs: DEFAULT_MS,
  output: () => ({
    type: "object",
    properties: {
      status: { type: "integer" },
      headers: { type: "object", additionalProperties: { type: "string" } },
      body: {},
    },
    required: ["status", "headers", "body"],
  }),
  onCrash: "ask",
  onCrashOf: ({ method = "GET" }) => (SAFE.has(String(method)) ? "retry" : "ask"),
  reach,
  target: ({ origin }) => origin,
  execute: send,
};

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return (
    url !== null && ["http:", "https:"].includes(url.protocol) && (url.origin === text || `${url.origin}/` === text)
  );
}

/** No value brings a slash, a question mark or a second host into an address. */
function encoded(parts: WovenPart[]): string {
  return parts.map((part) => (typeof part === "string" ? part : encodeURIComponent(asText(part.value)))).join("");
}

function reach({ method = "GET", origin, path = "/", network, headers }: Record<string, unknown>): Reached {
  const host = isOrigin(String(origin)) ? networkOfHost(new URL(String(origin)).hostname) : "unknown";
  const lies = typeof network === "string" ? network : host;
  const names = secretsIn(headers);
  return {
    what: `${String(method)} ${String(origin).replace(/\/$/, "")}${String(path)}`,
    with: [`network: ${lies}`, ...(names.length > 0 ? [`secrets: ${names.join(", ")}`] : [])],
  };
}

async function send(attempt: Attempt<Config>): Promise<Outcome> {
  const { config: given, signal, log } = attempt;
  const url = addressOf(given);
  const { body, headers } = messageOf(attempt);
  const network = given.network ?? networkOfHost(url.hostname);
  const maxBytes = given.max_kb * 1024;
  try {
    const answer = await webRequest({ ...given, url, headers, body, network, maxBytes, signal });
    log(`${given.method} ${url.origin}${url.pathname}: ${answer.status}, ${answer.body.length} bytes`);
    return outcomeOf(answer, given);
  } catch (error) {
    if (signal.aborted) throw error;
    return { outcome: "failed", ...failureOf(error, url.origin) };
  }
}

function addressOf({ origin, path, query }: Config): URL {
  const base = new URL(origin).origin;
  const url = new URL(base + path);
  // A segment of dots would climb; whatever an address becomes must be what was written.
  if (url.origin !== base || path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) {
    throw new SpecloopError("expression_failed", `The path ${path.slice(0, 300)} leads elsewhere.`, { target: "path" });
  }
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (one !== null && one !== undefined) url.searchParams.append(name, asText(one));
    }
  }
  return url;
}

function messageOf({ config: given, idempotencyKey, round }: Attempt<Config>): {
  body: string | null;
  headers: Record<string, string>;
} {
  const { json, body, method } = given;
  const headers = Object.fromEntries(Object.entries(given.headers).map(([name, text]) => [name.toLowerCase(), text]));
  // draft-ietf-httpapi-idempotency-key-header: a structured text.
  if (!SAFE.has(method)) headers["idempotency-key"] ??= `"${idempotencyKey}/${round}"`;
  headers["accept"] ??= "application/json, text/*;q=0.9, */*;q=0.1";
  if (json !== undefined) headers["content-type"] ??= "application/json";
  else if (body !== undefined) headers["content-type"] ??= "text/plain; charset=utf-8";
  return { body: json === undefined ? (body ?? null) : JSON.stringify(json), headers };
}

function outcomeOf({ status, headers, body }: WebAnswer, given: Config): Outcome {
  const read = readBody(body, headers["content-type"] ?? "", given.expect);
  if ("problem" in read)
    return { outcome: "failed", kind: "bad_output", message: `The answer ${status} ${read.problem}` };
  const output = { status, headers, body: read.value };
  if (status < 400 || given.allow_failure) return { outcome: "done", output };
  const said = asText(read.value).slice(0, 300);
  const message = `${given.origin} answered ${status}${said === "" ? "." : `: ${said}`}`;
  return { outcome: "failed", kind: kindOf(status), message, details: output };
}

function readBody(body: Buffer, type: string, expect: Config["expect"]): { value: unknown } | { problem: string } {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return { problem: "is no text." };
  }
  const isJson = expect === "json" || (expect === "auto" && /^application\/(?:[\w.+-]*\+)?json\b/i.test(type));
  if (!isJson || text === "") return { value: text };
  const value = parseJson(text);
  return value === undefined ? { problem: `is no JSON: ${text.slice(0, 200)}` } : { value };
}

function kindOf(status: number): FailureKind {
  if (status === 408 || status === 504) return "timeout";
  if (status === 429 || status === 503) return "overload";
  if (status >= 500) return "unavailable";
  return "refused";
}

/** What the other side may do better another time is `unavailable`; what it may not do at all is `refused`. */
function failureOf(error: unknown, origin: string): { kind: FailureKind; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  const refused = /network that was approved|redirects|more than \d+ bytes|encoded as|[Hh]eader/.test(message);
  return { kind: refused ? "refused" : "unavailable", message: `${origin}: ${message}` };
}
