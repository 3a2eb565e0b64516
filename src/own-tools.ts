import { SpecloopError } from "./foundation/errors.ts";
import type { Tool } from "./foundation/tool.ts";
import type { Caller } from "./server/index.ts";
import type { OwnTools } from "./workflows.ts";

/** Our own tools for workflows: known when the rooms are there, and called the one way in which tools are called. */
export function ownTools(tools: readonly Tool[]): { call: OwnTools; through(caller: Caller): void } {
  let caller: Caller | null = null;
  return {
    through: (built) => void (caller = built),
    call: async (name, input, context) => {
      const tool = tools.find((candidate) => candidate.name === name);
      // What stands for another tool would bring one for people in by its input.
      const personOnly = tool?.personOnly === true || tool?.forwards !== undefined;
      return {
        personOnly,
        call: () => {
          if (caller) return caller.call(name, input, context);
          throw new SpecloopError("tool_unavailable", "The daemon is starting.", { target: name });
        },
      };
    },
  };
}
