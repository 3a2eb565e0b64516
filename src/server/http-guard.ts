import type { IncomingMessage } from "node:http";
import { tokenMatches } from "../access/index.ts";
import { SpecloopError } from "../foundation/errors.ts";

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

/** Compares the bearer token in a time that does not depend on how much of it is right. */
export function checkToken(request: IncomingMessage, token: string): void {
  const given = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (given === undefined)
    throw new SpecloopError("unauthorized", "The request has no bearer token.", { target: "Authorization" });
  if (!tokenMatches(token, given)) {
    throw new SpecloopError("unauthorized", "The bearer token is wrong.", { target: "Authorization" });
  }
}

function shown(value: string | undefined): string {
  return (value ?? "").slice(0, 100);
}
