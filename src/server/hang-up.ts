import type { Duplex } from "node:stream";

/** How long the other side may take to close its end too. */
const LINGER_MS = 1000;

/** Says goodbye: what was written is sent, what still comes is dropped, and a peer that does not leave is cut off. */
export function hangUp(socket: Duplex): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once("close", () => clearTimeout(timer));
}
