import { SpecloopError } from "../../foundation/errors.ts";
import { clientName, type Principal, principalSchema } from "../../foundation/principal.ts";
import type { CallContext } from "../call.ts";
import type { Exchange } from "../http-exchange.ts";
import type { KnownAgent } from "../mcp.ts";

/** Who calls over HTTP, with the idempotency key that came along. */
export function contextOf(exchange: Exchange): CallContext {
  const { agent } = exchange;
  const principal = agent ? agentPrincipal(exchange, agent) : principalOf(exchange);
  const context: CallContext = { principal, signal: exchange.signal, ...(agent && { agent: agent.id }) };
  const key = exchange.header("idempotency-key");
  if (key !== undefined) context.idempotencyKey = checkKey(key);
  return context;
}

function checkKey(key: string): string {
  if (/^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new SpecloopError("bad_input", "A key has 1 to 200 visible characters.", { target: "Idempotency-Key" });
}

/** A token says who calls; a header that says otherwise is a mistake that must not pass unnoticed. */
function agentPrincipal(exchange: Exchange, { name }: KnownAgent): Principal {
  const given = exchange.header("specloop-principal");
  if (given === undefined || given === `agent:${name}`) return { kind: "agent", name };
  throw new SpecloopError("forbidden", `The token is that of agent:${name}.`, { target: "Specloop-Principal" });
}

/**
 * Who calls: `Specloop-Principal: agent:nightly`, else an agent called `http`. Never a person: the token is what agents
 * are given to reach `/mcp`, so nothing sent with it can prove that a person sent it. People use the command line, whose
 * socket no agent without a shell can open.
 */
function principalOf(exchange: Exchange): Principal {
  const given = exchange.header("specloop-principal");
  if (given === undefined) return { kind: "agent", name: "http" };
  const split = given.indexOf(":");
  const parsed = principalSchema.safeParse({
    kind: given.slice(0, split),
    name: clientName(decoded(given.slice(split + 1))),
  });
  if (parsed.data?.kind === "agent") return parsed.data;
  const target = "Specloop-Principal";
  if (!parsed.success) throw new SpecloopError("bad_input", 'The caller is "agent:<name>".', { target });
  throw new SpecloopError("forbidden", "Over HTTP every caller is an agent.", {
    target,
    fix: "What only a person may do is done with the specloop command, on a terminal.",
  });
}

/** Header values are Latin-1 on the wire; names outside it are sent percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
