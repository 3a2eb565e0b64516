import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const suite = resolve(import.meta.dirname, "../../node_modules/@modelcontextprotocol/conformance/dist/index.js");

export interface SuiteRun {
  /** 0 when every scored check passed, or failed as the baseline says. */
  code: number;
  output: string;
}

/** Runs the official suite with one frozen set of requirements against a server. */
export async function runSuite(url: string, requirements: string, baseline?: string): Promise<SuiteRun> {
  const results = await mkdtemp(join(tmpdir(), "specloop-conformance-"));
  const expected = baseline === undefined ? [] : ["--expected-failures", resolve(import.meta.dirname, baseline)];
  const args = [suite, "server", "--url", url, "--requirements", requirements, "-o", results, ...expected];
  try {
    return await new Promise((done) => {
      const options = { cwd: results, maxBuffer: 64 * 1024 * 1024, timeout: 150_000 };
      execFile(process.execPath, args, options, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
        done({ code, output: `${stdout}\n${stderr}` });
      });
    });
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}
