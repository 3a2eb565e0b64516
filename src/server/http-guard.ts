import type { IncomingMessage } from "node:http";
import { TOKEN_PREFIX, tokenMatches } from "../access/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { agentOf, type DoorGate } from "./door-gate.ts";
import type { KnownAgent } from "./mcp.ts";

/** The authorities under which a loopback server may be addressed: no other name, no other port. */
export function ownAuthorities(host: string, port: number): ReadonlySet<string> {
  const names = new Set(["127.0.0.1", "localhost", "[::1]", host.includes(":") ? `[${host}]` : host]);
  const withPort = [...names].map((name) => `${name}:${port}`);
  // Clients leave the port out when it is the default one of http.
  return new Set(port === 80 ? [...withPort, ...names] : withPort);
}

/**
 * Refuses what a foreign web page can make a browser send: another Host (DNS rebinding) or another Origin, which includes
 * `null` and other ports of this machine. MCP, revision 2026-07-28, "Security Warning" of Streamable HTTP: 403.
 */
export function checkAddress(request: IncomingMessage, authorities: ReadonlySet<string>): void {
  const host = request.headers.host?.toLowerCase();
  if (host === undefined || !authorities.has(host)) {
    throw new SpecloopError("forbidden_host", `The Host header "${shown(host)}" is not this server.`, {
      target: "Host",
    });
  }
  const origin = request.headers.origin?.toLowerCase();
  if (origin !== undefined && !(origin.startsWith("http://") && authorities.has(origin.slice("http://".length)))) {
    throw new SpecloopError("forbidden_host", `The Origin "${shown(origin)}" is another site.`, { target: "Origin" });
  }
  if (!request.url?.startsWith("/")) {
    throw new SpecloopError("forbidden_host", "The request names another server than its Host header.", {
      target: "Host",
    });
  }
}

/**
 * Who sent the request: the agent whose token it carries, or undefined for the daemon's own token, which is compared in a
 * time that does not depend on how much of it is right. `unauthorized` for no token and for any other.
 */
export function checkToken(request: IncomingMessage, token: string, gate?: DoorGate): KnownAgent | undefined {
  const given = bearerOf(request.headers.authorization);
  if (given === undefined)
    throw new SpecloopError("unauthorized", "The request has no bearer token.", { target: "Authorization" });
  if (tokenMatches(token, given)) return undefined;
  if (given.startsWith(TOKEN_PREFIX)) return agentOf(gate, given);
  throw new SpecloopError("unauthorized", "The bearer token is wrong.", { target: "Authorization" });
}

export function bearerOf(authorization: string | undefined | null): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
}

function shown(value: string | undefined): string {
  return (value ?? "").slice(0, 100);
}
