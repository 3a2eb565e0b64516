import { writeSync } from "node:fs";
import { readOrCreateToken } from "../../../src/access/index.ts";

/**
 * Says the tokens of `path-0` … `path-49`, one a line, and begins with each at its own moment, 10 ms after the one
 * before (the first is given in epoch milliseconds), so that several such processes meet at each file.
 */
const [path = "", first = "0"] = process.argv.slice(2);
for (let index = 0; index < 50; index++) {
  while (Date.now() < Number(first) + index * 10);
  writeSync(1, `${readOrCreateToken(`${path}-${index}`)}\n`);
}
