import type { McpServer } from "@modelcontextprotocol/server";
import { SpecloopError } from "../foundation/errors.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Principal } from "../foundation/principal.ts";
import type { LiveInstance, Notifier } from "./notifier.ts";

/** Addresses that one 2025-era client may watch; the SDK has the same bound for 2026-era subscriptions. */
const MAX_SUBSCRIPTIONS = 1024;
const MAX_URI_LENGTH = 2048;

interface Surroundings {
  era: "legacy" | "modern";
  notifier: Notifier;
  logger: Logger;
  /** Who is at the other end, as far as it has said. */
  principal: () => Principal;
  /** Called when the connection ended and no other one of the same principal is open. */
  onLeft: (principal: Principal) => void;
}

/**
 * Registers a server instance for notifications until it closes. 2025-era clients subscribe by request and are told only
 * what they asked for; on a 2026-era connection the SDK matches what is sent with its `subscriptions/listen`.
 */
export function openInstance(server: McpServer, { era, notifier, logger, principal, onLeft }: Surroundings): void {
  const subscriptions = era === "legacy" ? acceptSubscriptions(server) : null;
  let ready = era === "modern";
  const sent = (sending: Promise<void>) => {
    sending.catch((error: unknown) => logger.debug({ err: error }, "a notification did not reach its client"));
  };
  const instance: LiveInstance = {
    principal,
    resourceUpdated: (uri) => {
      if (subscriptions === null || subscriptions.has(uri)) sent(server.server.sendResourceUpdated({ uri }));
    },
    resourceListChanged: () => {
      if (ready) sent(server.server.sendResourceListChanged());
    },
    close: () => server.close(),
  };
  server.server.oninitialized = () => {
    ready = true;
  };
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's own callback, not an event target
  server.server.onclose = () => {
    notifier.remove(instance);
    const who = principal();
    if (!notifier.live.some((other) => isSame(other.principal?.(), who))) onLeft(who);
  };
  notifier.add(instance);
}

function isSame(a: Principal | undefined, b: Principal): boolean {
  return a?.name === b.name && a.session === b.session;
}

function acceptSubscriptions(server: McpServer): Set<string> {
  const subscriptions = new Set<string>();
  server.server.setRequestHandler("resources/subscribe", ({ params: { uri } }) => {
    if (uri.length > MAX_URI_LENGTH || subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new SpecloopError(
        "bad_input",
        `A client may watch ${MAX_SUBSCRIPTIONS} addresses of ${MAX_URI_LENGTH} characters.`,
      );
    }
    subscriptions.add(uri);
    return {};
  });
  server.server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
    subscriptions.delete(uri);
    return {};
  });
  return subscriptions;
}
