import type { Command } from "commander";
import { connect } from "../context.ts";
import type { Bind } from "../bind.ts";

export function registerStop(program: Command, bind: Bind): void {
  program
    .command("stop")
    .description("stop the daemon: it finishes what runs, then exits")
    .action(
      bind(async (context) => {
        await using client = await connect(context);
        await client.stop();
        context.output.result({ stopping: true }, () => "The daemon is stopping.");
      }),
    );
}
