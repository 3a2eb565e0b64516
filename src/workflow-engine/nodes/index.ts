import type { Clock } from "../../foundation/clock.ts";
import type { NodeType } from "../node-type.ts";
import { condition } from "./condition.ts";
import { transform } from "./transform.ts";

/** The one table of node types: definitions, the editor's schema and the engine read it. */
export function nodeTypes(_clock: Pick<Clock, "now">): NodeType[] {
  return [transform, condition];
}
