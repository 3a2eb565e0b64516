import type { Command } from "commander";
import type { Bind } from "../bind.ts";

export function registerApprove(program: Command, bind: Bind): void {
  program
    .command("approve")
    .description("say yes to exactly what `specloop approvals show` shows")
    .argument("<id>", "an approval's id")
    .option("--code", "prove it with a one-time code, typed here (specloop approver enroll makes a sheet)")
    .option("--sign", "prove it with a signed tag, made with your own git settings")
    .option("--key <file>", "with --sign: the ssh key to sign with")
    .option("--commit", "prove it with a signed commit that stands on the proposal's branch")
    .option("--protected", "prove it with the protected branch of approvals.protectedUrl")
    .action(
      bind(async (context, [id = ""], options) => {
        const { approve } = await import("../approve.ts");
        return approve(context, id, options);
      }),
    );
}
