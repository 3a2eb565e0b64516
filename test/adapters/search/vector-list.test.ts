import fc from "fast-check";
import { expect, test } from "vitest";
import { VectorList } from "../../../src/adapters/search/vector-list.ts";

const DIMENSIONS = 256;

/** A repeatable sequence of numbers in -1..1. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function unit(values: number[]): Float32Array {
  const length = Math.hypot(...values) || 1;
  return Float32Array.from(values, (value) => value / length);
}

/** Around some centres, as texts about some subjects lie. */
function clustered(count: number, seed = 1): Float32Array[] {
  const place = numbers(9);
  const centres = Array.from({ length: 40 }, () => Array.from({ length: DIMENSIONS }, place));
  const next = numbers(seed);
  return Array.from({ length: count }, (_, at) => unit(centres[at % 40]!.map((value) => value + next() * 0.7)));
}

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, at) => sum + value * b[at]!, 0);
}

function exactly(vectors: Map<number, Float32Array>, asked: Float32Array, limit: number): number[] {
  return [...vectors]
    .map(([id, vector]) => ({ id, similarity: cosine(vector, asked) }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, limit)
    .map(({ id }) => id);
}

test.each([300, 4000])("of %i vectors it finds the nearest that comparing all finds", (count) => {
  const list = new VectorList(DIMENSIONS);
  const vectors = new Map(clustered(count).map((vector, id) => [id, vector]));
  for (const [id, vector] of vectors) list.add(id, vector);
  let found = 0;
  for (const asked of clustered(50, 2)) {
    const near = list.nearest(asked, 10);
    const wanted = new Set(exactly(vectors, asked, 10));
    found += near.filter(({ id }) => wanted.has(id)).length;
    for (const { id, similarity } of near) expect(similarity).toBeCloseTo(cosine(vectors.get(id)!, asked), 1.8);
  }
  expect(found).toBeGreaterThanOrEqual(475);
});

test("vectors come, go and are replaced, and what is left is found", () => {
  const change = fc.record({ id: fc.nat(30), add: fc.boolean(), seed: fc.nat(1000) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const list = new VectorList(DIMENSIONS);
      const known = new Map<number, Float32Array>();
      for (const { id, add, seed } of changes) {
        const vector = unit(Array.from({ length: DIMENSIONS }, numbers(seed + 1)));
        if (add) {
          list.add(id, vector);
          known.set(id, vector);
        } else {
          list.remove(id);
          known.delete(id);
        }
      }
      expect(list.size).toBe(known.size);
      for (const [id, vector] of known) {
        const near = list.nearest(vector, known.size);
        expect(near.find((entry) => entry.id === id)?.similarity).toBeGreaterThan(0.99);
        expect(new Set(near.map((entry) => entry.id))).toEqual(new Set(known.keys()));
      }
    }),
    { numRuns: 40 },
  );
});

test.each([200, 3000])("of %i vectors only those are found that may be", (count) => {
  const list = new VectorList(DIMENSIONS);
  for (const [id, vector] of clustered(count).entries()) list.add(id, vector);
  const [asked] = clustered(1, 3);
  expect(list.nearest(asked!, 10, (id) => id === 7)).toMatchObject([{ id: 7 }]);
  expect(list.nearest(asked!, 10, () => false)).toEqual([]);
});
