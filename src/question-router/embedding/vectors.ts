import { SpecloopError } from "../../foundation/errors.ts";

/** Shorter and longer vectors are no embeddings. */
const MIN_DIMENSIONS = 8;
const MAX_DIMENSIONS = 8192;

/**
 * Vectors of unit length out of what a server sent: one per text, all as long as the first. Throws `llm_protocol` for
 * anything else, so that nothing of it is kept.
 */
export function unitVectors(given: number[][], texts: number): Float32Array[] {
  if (given.length !== texts) throw garbage(`${given.length} vectors for ${texts} texts`);
  const dimensions = given[0]?.length ?? 0;
  if (dimensions < MIN_DIMENSIONS || dimensions > MAX_DIMENSIONS) throw garbage(`vectors of ${dimensions} numbers`);
  return given.map((numbers) => {
    if (numbers.length !== dimensions) throw garbage("vectors of different lengths");
    const length = Math.hypot(...numbers);
    if (!Number.isFinite(length) || length === 0) throw garbage("a vector without a direction");
    return Float32Array.from(numbers, (number) => number / length);
  });
}

function garbage(what: string): SpecloopError {
  return new SpecloopError("llm_protocol", `The embedding model gave ${what}.`);
}
