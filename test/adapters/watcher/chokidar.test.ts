// What the system's own watches must see, chokidar must see as well: other systems than Linux stand on it.
process.env["SPECLOOP_TEST_WATCHER"] = "chokidar";
await import("./watcher.test.ts");
