import { closeSync, fchmodSync, fstatSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

/** A file that log lines go to. Nothing here throws: a log that cannot be written must not stop what it tells of. */
export interface FileSink extends Disposable {
  /** Appends a line; a missing line end is added. */
  write(line: string): void;
  /** Asks the disk to keep what was written so far. */
  flush(): void;
  /** Lines that could not be written since the sink was made: full disk, no permission. */
  readonly dropped: number;
}

interface Limits {
  /** Size in bytes at which a file is put aside. */
  maxBytes: number;
  /** Files in all: `daemon.log`, `daemon.log.1` (the one before) … */
  files: number;
}

/**
 * Opens a log file (0600, made when absent) that is rotated by size. Lines are written at once and in whole, so a crash
 * loses none of them. When lines were dropped, the first that can be written again is preceded by one that tells how many.
 */
export function createFileSink(path: string, limits: Limits): FileSink {
  return new RotatedFile(path, limits);
}

class RotatedFile implements FileSink {
  dropped = 0;
  readonly #path: string;
  readonly #limits: Limits;
  #untold = 0;
  /** The last thing in the file is the beginning of a line that could not be written to its end. */
  #torn = false;
  #file: { descriptor: number; size: number } | null = null;
  #closed = false;

  constructor(path: string, limits: Limits) {
    this.#path = path;
    this.#limits = limits;
  }

  write(line: string): void {
    if (this.#closed) return;
    try {
      const text = line.endsWith("\n") ? line : `${line}\n`;
      this.#append(Buffer.from(this.#untold > 0 ? this.#notice() + text : text));
      this.#torn = false;
      this.#untold = 0;
    } catch {
      this.dropped += 1;
      this.#untold += 1;
      this.#close();
    }
  }

  flush(): void {
    try {
      if (this.#file) fsyncSync(this.#file.descriptor);
    } catch {
      // Lines that did not reach the disk are not known one by one, so there is nothing to count.
    }
  }

  [Symbol.dispose](): void {
    this.flush();
    this.#close();
    this.#closed = true;
  }

  #append(bytes: Buffer): void {
    let file = this.#opened();
    if (file.size > 0 && file.size + bytes.length > this.#limits.maxBytes) {
      this.#rotate();
      file = this.#opened();
    }
    // A write may be cut short by a full disk without an error; the next attempt then tells.
    for (let done = 0; done < bytes.length;) {
      const written = writeSync(file.descriptor, bytes, done);
      done += written;
      this.#torn = true;
      file.size += written;
    }
  }

  #opened(): { descriptor: number; size: number } {
    if (this.#file) return this.#file;
    const descriptor = openSync(this.#path, "a", 0o600);
    const found = fstatSync(descriptor);
    if (found.isFile() && (found.mode & 0o777) !== 0o600) fchmodSync(descriptor, 0o600);
    this.#file = { descriptor, size: found.size };
    return this.#file;
  }

  /** `daemon.log.3` -> `daemon.log.4` …, the oldest goes. */
  #rotate(): void {
    this.#close();
    const name = (index: number) => (index === 0 ? this.#path : `${this.#path}.${index}`);
    const oldest = Math.max(1, this.#limits.files) - 1;
    rmSync(name(oldest), { force: true });
    for (let index = oldest - 1; index >= 0; index--) renameIfThere(name(index), name(index + 1));
  }

  #notice(): string {
    const time = new Date().toISOString();
    const start = this.#torn ? "\n" : "";
    return `${start}${JSON.stringify({ level: 40, time, dropped: this.#untold, msg: "log lines could not be written and are lost" })}\n`;
  }

  #close(): void {
    if (!this.#file) return;
    const { descriptor } = this.#file;
    this.#file = null;
    try {
      closeSync(descriptor);
    } catch {
      // Closed is closed.
    }
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
