import { z } from "zod";
import type { Output } from "../output.ts";
import { forPeople, type Reader } from "../wording.ts";
import { diffView } from "./diff.ts";

const update = z.object({ status: z.string(), diff: z.string(), message: z.string(), branch: z.string().optional() });

/** What an edit came to, and what it changed. */
export function updateView(result: unknown, output: Output, reader: Reader): string {
  const { status, diff, message } = update.parse(result);
  const head = `${output.style(status === "preview" ? "cyan" : "bold", status)}: ${forPeople(message, reader)}`;
  return diff === "" ? head : `${head}\n\n${diffView(diff, output)}`;
}
