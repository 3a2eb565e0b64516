import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { registerBackup } from "./backup.ts";
import { registerBlame } from "./blame.ts";
import { registerDiff } from "./diff.ts";
import { registerEdit } from "./edit.ts";
import { registerHistory } from "./history.ts";
import { registerRead } from "./read.ts";
import { registerUndo } from "./undo.ts";

export function registerDoc(program: Command, bind: Bind): void {
  const doc = program.command("doc").description("read, edit and look back at documents under git");
  registerRead(doc, bind);
  registerHistory(doc, bind);
  registerBlame(doc, bind);
  registerDiff(doc, bind);
  registerEdit(doc, bind);
  registerUndo(doc, bind);
  registerBackup(doc, bind);
}
