import { readFileSync } from "node:fs";

/** This package's version: package.json lies two folders up, from src/ as from dist/. */
export const VERSION: string = readVersion(new URL("../../package.json", import.meta.url));

function readVersion(manifest: URL): string {
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}
