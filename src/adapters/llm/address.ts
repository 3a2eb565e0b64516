import { SpecloopError } from "../../foundation/errors.ts";

/** Where a model server is, as the two kinds of clients want it; neither ends with a slash. */
export interface Address {
  http: string;
  ws: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The address in `baseUrl` (`http`, `https`, `ws` or `wss`; a trailing `/v1` is forgiven). A host other than this
 * machine must be named by the environment (`LM_STUDIO_BASE_URL` or the comma-separated `SPECLOOP_LLM_HOSTS`), because a
 * repository's file alone must not decide who is sent its documents and our keys. Errors: `bad_config`.
 */
export function parseAddress(baseUrl: string, env: Environment): Address {
  const url = parse(baseUrl);
  if (!isLoopback(url.hostname) && !allowedHosts(env).has(url.host)) {
    throw new SpecloopError(
      "bad_config",
      `llm.baseUrl names another machine, ${url.host}, which the environment does not allow.`,
      {
        target: "llm.baseUrl",
        fix: `Set LM_STUDIO_BASE_URL=${url.origin}, or SPECLOOP_LLM_HOSTS=${url.host}, in the environment of the daemon.`,
      },
    );
  }
  const path = url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
  const secure = url.protocol === "https:" || url.protocol === "wss:";
  return {
    http: `${secure ? "https" : "http"}://${url.host}${path}`,
    ws: `${secure ? "wss" : "ws"}://${url.host}${path}`,
  };
}

/** An address as it may be shown and logged: without what somebody put before the `@`. */
export function showAddress(baseUrl: string): string {
  return baseUrl.replace(/\/\/[^/]*@/, "//");
}

function parse(baseUrl: string): URL {
  const url = URL.parse(/^[a-z]+:\/\//i.test(baseUrl) ? baseUrl : `http://${baseUrl}`);
  if (!url) throw refuse("is not an address");
  if (!["http:", "https:", "ws:", "wss:"].includes(url.protocol))
    throw refuse(`has a protocol that no model server speaks: ${url.protocol}`);
  if (url.username !== "" || url.password !== "") throw refuse("holds credentials; put them into the environment");
  if (url.search !== "" || url.hash !== "") throw refuse("holds a query or a fragment");
  return url;
}

function refuse(why: string): SpecloopError {
  return new SpecloopError("bad_config", `llm.baseUrl ${why}.`, { target: "llm.baseUrl" });
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

function allowedHosts(env: Environment): Set<string> {
  const named = (env["SPECLOOP_LLM_HOSTS"] ?? "").split(",").map((host) => host.trim());
  const address = env["LM_STUDIO_BASE_URL"];
  const own = address ? (URL.parse(address)?.host ?? address) : "";
  return new Set([...named, own].filter((host) => host !== ""));
}
