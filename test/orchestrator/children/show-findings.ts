// Prints the findings of the first change, and of its root, of the repository that is named: run as another user.
import { openGit } from "../../../src/adapters/git/index.ts";
import { readRoot } from "../../../src/adapters/openspec/index.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { derive } from "../../../src/orchestrator/index.ts";
import { DocumentReader } from "../../../src/orchestrator/document-reader.ts";
import { NO_HEAD } from "../../../src/orchestrator/git-facts.ts";
import { readSnapshot } from "../../../src/orchestrator/reader.ts";
import { join } from "node:path";

const path = process.argv[2]!;
const git = await openGit(path);
const root = await readRoot(path, join(path, "openspec"));
const reader = new DocumentReader(systemClock, () => 1024 * 1024);
const snapshot = await readSnapshot(root, null, "all", { git, reader, head: NO_HEAD, approvals: new Map() });
const { changes, findings } = derive(snapshot);
console.log(JSON.stringify({ findings: [...changes.values()][0]?.findings, ofRoot: findings }));
