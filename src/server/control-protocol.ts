import { z } from "zod";
import { principalSchema } from "../foundation/principal.ts";

/** The first line on the socket may have this many bytes, and must be there within this time. */
export const MAX_HELLO_BYTES = 4096;
export const HELLO_TIMEOUT_MS = 5000;

/** Top of the worktree that the client works in: paths that it names are relative to it. */
const worktree = z.string().min(1).max(2000).optional();

/** Of a registered agent: whoever sends one is that agent, whatever else the hello says. */
const token = z.string().min(1).max(200).optional();

/** The first line that a client of the socket sends: what it wants to speak, and who it is. Unknown fields are ignored. */
export const helloSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("mcp"),
    client: z.string().min(1).max(200).optional(),
    session: z.string().min(1).max(200).optional(),
    toolset: z.enum(["default", "full"]).optional(),
    worktree,
    token,
  }),
  z.object({ kind: z.literal("control"), principal: principalSchema, worktree, token }),
]);
export type Hello = z.output<typeof helloSchema>;

/** One line from a control client; several may be under way, answers come in any order. */
export const requestSchema = z.object({
  id: z.union([z.int(), z.string().max(100)]),
  method: z.enum(["call", "tools", "status", "health", "stop"]),
  params: z.unknown().optional(),
});
export type ControlRequest = z.output<typeof requestSchema>;

export const callParamsSchema = z.object({
  name: z.string().max(200),
  input: z.unknown().optional(),
  idempotencyKey: z.string().min(1).max(200).optional(),
});
