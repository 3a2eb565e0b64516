import type { Command } from "commander";
import type { AppStatus } from "../../status.ts";
import { banner } from "../banner.ts";
import { connect } from "../context.ts";
import type { Bind } from "../bind.ts";

export function registerStatus(program: Command, bind: Bind): void {
  program
    .command("status")
    .description("what the daemon watches and how it is")
    .action(
      bind(async (context) => {
        await using client = await connect(context);
        const status = (await client.status()) as unknown as AppStatus;
        context.output.result(status, () => banner(status, context.output, context).replace(/\n.*Ctrl-C.*$/, ""));
      }),
    );
}
