import type { Caller } from "../call.ts";
import type { Exchange } from "../http-exchange.ts";
import type { ToolListing } from "../tool-listing.ts";
import { contextOf } from "./caller-of.ts";

/** `GET /api/tools`: every tool with its JSON Schemas. */
export function answerTools(exchange: Exchange, listing: readonly ToolListing[]): void {
  exchange.reply(200, { tools: listing });
}

/** `POST /api/tools/{name}` with the input as body: `{output, text}`. `Idempotency-Key` makes a repeat safe. */
export async function answerCall(exchange: Exchange, name: string, caller: Caller): Promise<void> {
  const input = await exchange.json();
  exchange.reply(200, await caller.call(name, input, contextOf(exchange)));
}
