import { StringDecoder } from "node:string_decoder";

/** Keeps the first part and the last part of a stream and counts what it drops between them. */
export class KeptOutput {
  readonly #half: number;
  readonly #first: Buffer[] = [];
  #firstBytes = 0;
  #last: Buffer = Buffer.alloc(0);
  #total = 0;

  constructor(limit: number) {
    this.#half = Math.max(1, Math.floor(limit / 2));
  }

  get total(): number {
    return this.#total;
  }

  get dropped(): number {
    return this.#total - this.#firstBytes - this.#last.length;
  }

  add(chunk: Buffer): void {
    this.#total += chunk.length;
    const room = this.#half - this.#firstBytes;
    if (room > 0) {
      const taken = chunk.subarray(0, room);
      this.#first.push(Buffer.from(taken));
      this.#firstBytes += taken.length;
    }
    const rest = chunk.subarray(Math.max(0, room));
    if (rest.length > 0) this.#last = Buffer.concat([this.#last, rest]).subarray(-this.#half);
  }

  text(): string {
    const first = decode(Buffer.concat(this.#first));
    const last = decode(this.#last);
    return this.dropped > 0 ? `${first}\n[… ${this.dropped} bytes left out …]\n${last}` : first + last;
  }
}

/** Without half characters at a cut. */
function decode(bytes: Buffer): string {
  return new StringDecoder("utf8").write(bytes);
}
