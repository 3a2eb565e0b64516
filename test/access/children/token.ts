import { writeSync } from "node:fs";
import { readOrCreateToken } from "../../../src/access/index.ts";

/** Says the token of the file that is named. */
writeSync(1, readOrCreateToken(process.argv[2] ?? ""));
