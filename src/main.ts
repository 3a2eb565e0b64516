#!/usr/bin/env node
// The command. The shim of `specloop mcp` is started before anything else is loaded, so that it answers at once; nothing
// is imported statically, so that an old Node gets a sentence instead of a syntax error.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `specloop needs Node 24.15 or newer; this is ${process.version}. Install it, or use npm start.\n`,
  );
  process.exitCode = 69;
} else if (process.argv[2] === "mcp") {
  const { runShim } = await import("./cli/shim.ts");
  process.exitCode = await runShim(process.argv.slice(3), process.env, process);
} else {
  const { runCli } = await import("./cli/index.ts");
  process.exitCode = await runCli(process.argv.slice(2), process);
}
