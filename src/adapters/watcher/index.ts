export { createWatcher } from "./watcher.ts";
export type { SettledBatch, Watcher, WatchRequest } from "./port.ts";
