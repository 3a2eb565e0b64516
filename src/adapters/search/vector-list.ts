import type { Allowed } from "./postings.ts";

/** So many vectors are compared one by one; of more, only those whose signs agree most with the question's. */
const COMPARE_ALL = 1000;
/**
 * How many numbers are compared exactly after the signs were: 200 vectors of 768 numbers find the same ten as comparing
 * all. Shorter vectors have fewer signs to go by, and more of them are compared.
 */
const COMPARED = 200 * 768;
const FIRST_ROOM = 256;

export interface Near {
  id: number;
  /** Cosine, -1..1; off by less than 0.005, because vectors are kept in eight bits a number. */
  similarity: number;
}

/**
 * Vectors of one length in memory: a quarter of what they take as floats (770 bytes for 768 numbers) and their signs as
 * bits (96 bytes), by which most are passed over. 10,000 vectors of 768 numbers are searched in less than a millisecond.
 */
export class VectorList {
  readonly dimensions: number;
  readonly #words: number;
  readonly #slots = new Map<number, number>();
  #ids: number[] = [];
  #bits: Uint32Array;
  #values: Int8Array;
  #scales: Float32Array;
  #distances = new Uint16Array(0);

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.#words = Math.ceil(dimensions / 32);
    this.#bits = new Uint32Array(FIRST_ROOM * this.#words);
    this.#values = new Int8Array(FIRST_ROOM * dimensions);
    this.#scales = new Float32Array(FIRST_ROOM);
  }

  get size(): number {
    return this.#ids.length;
  }

  /** Takes in a vector of unit length. */
  add(id: number, vector: Float32Array): void {
    const slot = this.#slots.get(id) ?? this.#ids.length;
    this.#grow(slot);
    this.#ids[slot] = id;
    this.#slots.set(id, slot);
    const scale = largest(vector) / 127 || 1;
    this.#scales[slot] = scale;
    for (let at = 0; at < this.dimensions; at += 1)
      this.#values[slot * this.dimensions + at] = Math.round(vector[at]! / scale);
    this.#bits.set(signsOf(vector, this.#words), slot * this.#words);
  }

  /** The last one takes the place of the removed. */
  remove(id: number): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    const last = this.#ids.length - 1;
    const [d, w] = [this.dimensions, this.#words];
    this.#values.copyWithin(slot * d, last * d, (last + 1) * d);
    this.#bits.copyWithin(slot * w, last * w, (last + 1) * w);
    this.#scales[slot] = this.#scales[last]!;
    this.#ids[slot] = this.#ids[last]!;
    this.#slots.set(this.#ids[slot], slot);
    this.#slots.delete(id);
    this.#ids.pop();
  }

  /** The nearest `limit` to a vector of unit length, nearest first. */
  nearest(vector: Float32Array, limit: number, allowed: Allowed = () => true): Near[] {
    const slots = this.#promising(vector, Math.max(Math.ceil(COMPARED / this.dimensions), 4 * limit), allowed);
    return slots
      .map((slot) => ({ id: this.#ids[slot]!, similarity: this.#cosine(slot, vector) }))
      .sort((a, b) => b.similarity - a.similarity || a.id - b.id)
      .slice(0, limit);
  }

  #promising(vector: Float32Array, wanted: number, allowed: Allowed): number[] {
    const slots: number[] = [];
    if (this.size <= COMPARE_ALL) {
      for (let slot = 0; slot < this.size; slot += 1) if (allowed(this.#ids[slot]!)) slots.push(slot);
      return slots;
    }
    const farthest = this.#measure(signsOf(vector, this.#words), wanted, allowed);
    for (let slot = 0; slot < this.size; slot += 1) if (this.#distances[slot]! <= farthest) slots.push(slot);
    return slots;
  }

  /** Counts differing signs of every vector; the difference within which at least `wanted` lie. */
  #measure(asked: Uint32Array, wanted: number, allowed: Allowed): number {
    const [words, bits] = [this.#words, this.#bits];
    if (this.#distances.length < this.size) this.#distances = new Uint16Array(this.#scales.length);
    const counts = new Uint32Array(this.#words * 32 + 1);
    for (let slot = 0, at = 0; slot < this.size; slot += 1) {
      let distance = 0;
      for (let word = 0; word < words; word += 1, at += 1) distance += ones(bits[at]! ^ asked[word]!);
      if (allowed(this.#ids[slot]!)) counts[distance]! += 1;
      else distance = 0xffff;
      this.#distances[slot] = distance;
    }
    let reached = 0;
    let farthest = 0;
    for (; farthest < counts.length - 1 && reached < wanted; farthest += 1) reached += counts[farthest]!;
    return farthest;
  }

  #cosine(slot: number, vector: Float32Array): number {
    const from = slot * this.dimensions;
    let sum = 0;
    for (let at = 0; at < this.dimensions; at += 1) sum += this.#values[from + at]! * vector[at]!;
    return sum * this.#scales[slot]!;
  }

  #grow(slot: number): void {
    if (slot < this.#scales.length) return;
    const room = Math.ceil(slot * 1.5);
    const larger = <Kind extends Int8Array | Uint32Array | Float32Array>(bigger: Kind, old: Kind): Kind => {
      bigger.set(old);
      return bigger;
    };
    this.#bits = larger(new Uint32Array(room * this.#words), this.#bits);
    this.#values = larger(new Int8Array(room * this.dimensions), this.#values);
    this.#scales = larger(new Float32Array(room), this.#scales);
  }
}

function largest(vector: Float32Array): number {
  let most = 0;
  for (const value of vector) most = Math.max(most, Math.abs(value));
  return most;
}

function signsOf(vector: Float32Array, words: number): Uint32Array {
  const bits = new Uint32Array(words);
  for (let at = 0; at < vector.length; at += 1) if (vector[at]! > 0) bits[at >>> 5]! |= 1 << (at & 31);
  return bits;
}

/** How many bits are set (Hacker's Delight, figure 5-2). */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
