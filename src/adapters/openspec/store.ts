import { constants, lstatSync, realpathSync } from "node:fs";
import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { isInside } from "../../foundation/paths.ts";
import { parseYaml } from "./metadata.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** A planning folder that lies in a repository of its own, as OpenSpec's registry on this machine names it. */
export interface PlanningStore {
  id: string;
  /** Its folder, absolute and real; `openspec/` lies in it. */
  directory: string;
}

const MAX_BYTES = 256 * 1024;
/** OpenSpec 1.13 takes names of stores in this form. */
const ID = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

const registrySchema = z.object({
  stores: z.record(z.string(), z.object({ backend: z.object({ local_path: z.string().min(1) }) })),
});
const storeSchema = z.object({ id: z.string() });

/**
 * The store that `store: <id>` of a planning configuration means, as OpenSpec 1.13 finds it: the registry in the person's
 * own data folder names its path, and the store's own `.openspec-store/store.yaml` the same id. Only the registry decides
 * what is read outside a repository, never what the repository says, so one that lies in `repository` does not count.
 */
export async function findStore(
  id: string,
  repository: string,
  env: Env,
): Promise<PlanningStore | { problem: string; fix: string }> {
  const shown = id.slice(0, 100);
  const fix = `Register it: openspec store register <path> --id ${shown}; or name another store in the configuration.`;
  const no = (problem: string) => ({ problem, fix });
  if (!ID.test(id) || id.length > 200) return no(`"${shown}" is no name of a store.`);
  const registry = join(dataFolder(env), "openspec", "stores", "registry.yaml");
  if (liesInside(repository, registry)) return no(`The registry of stores lies in the repository (${registry}).`);
  const registered = registrySchema.safeParse(await readSmallYaml(registry)).data?.stores[id]?.backend.local_path;
  if (registered === undefined) return no(`The store "${id}" is not registered on this machine (${registry}).`);
  if (!isAbsolute(registered)) return no(`The registry names no absolute path for the store "${id}".`);
  const directory = realOf(registered);
  if (directory === null) return no(`The store "${id}" is not where the registry says: ${registered}.`);
  const own = storeSchema.safeParse(await readSmallYaml(join(directory, ".openspec-store", "store.yaml"))).data?.id;
  if (own !== id) return no(`${registered} does not say of itself that it is the store "${id}".`);
  return { id, directory };
}

/** A person's own data: XDG_DATA_HOME counts on every system; without it `~/.local/share`. */
export function dataFolder(env: Env): string {
  const named = env["XDG_DATA_HOME"];
  return named && isAbsolute(named) ? named : join(env["HOME"] || homedir(), ".local", "share");
}

function liesInside(root: string, path: string): boolean {
  return isInside(root, path) || isInside(root, realOf(path) ?? path);
}

function realOf(path: string): string | null {
  try {
    return lstatSync(path) && realpathSync(path);
  } catch {
    return null;
  }
}

/** The value in a small regular file; undefined where there is none that can be read. */
async function readSmallYaml(path: string): Promise<unknown> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null);
  if (!file) return undefined;
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > MAX_BYTES) return undefined;
    const parsed = parseYaml(await file.readFile("utf8"), path);
    return "value" in parsed ? parsed.value : undefined;
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
