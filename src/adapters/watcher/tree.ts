import { lstatSync, watch, type FSWatcher, type Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import type { Source, SourceParts } from "./source.ts";

/** One watched folder. Its path follows from its parent's, so that a thousand changes do not keep a thousand paths. */
interface Folder {
  name: string;
  parent: Folder | null;
  watcher: FSWatcher;
  children: Map<string, Folder> | null;
}

/**
 * Watches folders and all below them with one watch of the system per folder and nothing per file: chokidar keeps several
 * times the memory, because it tells what happened to each file, where we need only where to look. For Linux, whose
 * watches (inotify(7)) report every name in a folder.
 */
export class Tree implements Source {
  readonly #parts: SourceParts;
  readonly #tops = new Map<string, { folder: Folder | null; anchor: FSWatcher | null }>();
  readonly #scans = new Set<Promise<void>>();
  #closed = false;

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  /** Watches folders, also those that come later; resolves when all below them is watched. */
  async start(tops: string[]): Promise<void> {
    for (const top of tops) this.#tops.set(top, { folder: null, anchor: null });
    for (const top of tops) this.#anchor(top);
    await Promise.all(tops.map((top) => this.#open(top)));
  }

  async idle(): Promise<void> {
    while (this.#scans.size > 0) await Promise.all(this.#scans);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { folder, anchor } of this.#tops.values()) {
      anchor?.close();
      if (folder) closeAll(folder);
    }
    this.#tops.clear();
  }

  /** The nearest folder above that is there tells when the top, or what leads to it, comes, goes or is replaced. */
  #anchor(top: string): void {
    const state = this.#tops.get(top);
    if (!state || this.#closed) return;
    state.anchor?.close();
    let above = dirname(top);
    while (!isDirectory(above) && dirname(above) !== above) above = dirname(above);
    const [next] = relative(above, top).split(sep);
    state.anchor = this.#watch(above, (event, name) => {
      if (event !== "rename" || (name !== next && name !== basename(above))) return;
      this.#anchor(top);
      const tell = () => this.#parts.onMoved(isDirectory(top) ? "directory" : "gone directory", top);
      this.#scan(this.#open(top).then(tell));
    });
  }

  async #open(top: string): Promise<void> {
    const state = this.#tops.get(top);
    if (!state || this.#closed) return;
    if (state.folder) closeAll(state.folder);
    state.folder = isDirectory(top) ? this.#folder(top, null) : null;
    if (state.folder) await this.#enter(state.folder, top, false);
  }

  #folder(name: string, parent: Folder | null): Folder | null {
    const folder: Omit<Folder, "watcher"> = { name, parent, children: null };
    const path = parent ? join(pathOf(parent), name) : name;
    const watcher = this.#watch(path, (event, inside) => this.#notice(folder, event, inside));
    return watcher && Object.assign(folder, { watcher });
  }

  #watch(path: string, listener: (event: string, name: string | null) => void): FSWatcher | null {
    try {
      const watcher = watch(path, listener);
      watcher.on("error", (error) => this.#parts.onError(error));
      return watcher;
    } catch (error) {
      if (!isGone(error)) this.#parts.onError(error);
      return null;
    }
  }

  /** Watches all below. `tell`: what is found may have come before the watch, so it is told. */
  async #enter(folder: Folder, path: string, tell: boolean): Promise<void> {
    const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
      if (!isGone(error)) this.#parts.onError(error);
      return [];
    });
    const inner: Promise<void>[] = [];
    for (const entry of entries) {
      const below = join(path, entry.name);
      if (this.#parts.isIgnored(below)) continue;
      if (tell) this.#parts.onMoved(entry.isDirectory() ? "directory" : "file", below);
      if (entry.isDirectory()) inner.push(this.#addChild(folder, entry.name, tell));
    }
    await Promise.all(inner);
  }

  async #addChild(folder: Folder, name: string, tell: boolean): Promise<void> {
    if (this.#closed || !this.#isAlive(folder) || folder.children?.has(name)) return;
    const child = this.#folder(name, folder);
    if (!child) return;
    folder.children ??= new Map();
    folder.children.set(name, child);
    await this.#enter(child, pathOf(child), tell);
  }

  #notice(folder: Omit<Folder, "watcher">, event: string, name: string | null): void {
    if (this.#closed || name === null || !this.#isAlive(folder)) return;
    const path = join(pathOf(folder), name);
    if (this.#parts.isIgnored(path)) return;
    const stats = statsOf(path);
    const moved = stats?.isDirectory() ? "directory" : stats ? "file" : "gone";
    // A folder that was moved or replaced is still watched, under a name that is not its own any more.
    const left = (event === "rename" || moved !== "directory") && leave(folder, name);
    if (left) this.#parts.onMoved("gone directory", path);
    if (moved !== "directory") return left && moved === "gone" ? undefined : this.#parts.onMoved(moved, path);
    if (folder.children?.has(name)) return;
    this.#parts.onMoved(moved, path);
    this.#scan(this.#addChild(folder as Folder, name, true));
  }

  #scan(work: Promise<void>): void {
    const scan = work.catch((error: unknown) => this.#parts.onError(error)).finally(() => this.#scans.delete(scan));
    this.#scans.add(scan);
  }

  /** Whether the folder is still the one that is watched under its name. */
  #isAlive(folder: Omit<Folder, "watcher">): boolean {
    if (folder.parent === null) return this.#tops.get(folder.name)?.folder === folder;
    return folder.parent.children?.get(folder.name) === folder && this.#isAlive(folder.parent);
  }
}

function pathOf({ name, parent }: Omit<Folder, "watcher">): string {
  return parent === null ? name : join(pathOf(parent), name);
}

/** Ends watching a folder inside; whether it was watched. */
function leave(folder: Omit<Folder, "watcher">, name: string): boolean {
  const child = folder.children?.get(name);
  if (!child) return false;
  folder.children!.delete(name);
  closeAll(child);
  return true;
}

function closeAll({ watcher, children }: Folder): void {
  watcher.close();
  for (const child of children?.values() ?? []) closeAll(child);
}

/** What may not be looked at counts as gone: nobody here can read it either. */
function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  return statsOf(path)?.isDirectory() === true;
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOENT" || code === "ENOTDIR";
}
