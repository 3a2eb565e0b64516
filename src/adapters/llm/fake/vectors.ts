import { createHash } from "node:crypto";

const DIMENSIONS = 256;

/**
 * A unit vector made from the letter trigrams of a text by hashing: the same text gives the same vector, texts that
 * share words lie near each other. Enough to try out what needs embeddings.
 */
export function trigramVector(text: string): number[] {
  const vector = Array.from({ length: DIMENSIONS }, () => 0);
  const words = ` ${text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim()} `;
  for (let at = 0; at + 3 <= words.length; at += 1) {
    const hash = createHash("md5")
      .update(words.slice(at, at + 3))
      .digest();
    const place = hash.readUInt16LE(0) % DIMENSIONS;
    vector[place] = (vector[place] ?? 0) + (hash.readUInt8(2) % 2 === 0 ? 1 : -1);
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}
