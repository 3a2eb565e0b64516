import type { Command } from "commander";
import type { Bind } from "../bind.ts";

const loaded = () => import("../approver.ts");

/** What makes a person able to prove a yes: a sheet of codes, a key. Both are kept outside every repository. */
export function registerApprover(program: Command, bind: Bind): void {
  const approver = program.command("approver").description("your means to prove a yes: one-time codes and keys");
  approver
    .command("list", { isDefault: true })
    .description("who has a sheet of codes here, and how many are left")
    .action(bind(async (context) => (await loaded()).list(context)));
  approver
    .command("enroll")
    .description("a new sheet of one-time codes, shown once; an earlier sheet needs one of its codes")
    .option("--lost", "the earlier sheet is lost: recorded, and shown wherever the new one is used first")
    .option("--name <name>", "your name (default: git's)")
    .option("--email <mail>", "your mail address (default: git's)")
    .action(bind(async (context, _args, options) => (await loaded()).enroll(context, options)));
  approver
    .command("trust")
    .description("let signatures by an ssh key count as your yes")
    .argument("<file>", "the public key: ~/.ssh/id_ed25519.pub")
    .option("--email <mail>", "your mail address (default: git's)")
    .action(bind(async (context, [file = ""], options) => (await loaded()).trust(context, file, options)));
}
