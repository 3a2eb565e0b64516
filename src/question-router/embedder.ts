/**
 * Vectors of texts, for those who compare meanings: retrieval and similar questions. Nothing may depend on it: with no
 * embedding model `model` is null and everybody goes on by words alone.
 */
export interface Embedder {
  /** The model that serves now; vectors of different models are never compared. Null when none does. */
  readonly model: string | null;
  /** One vector of unit length per text, or null when none can be had in time. Never throws but for an aborted signal. */
  vectors(texts: string[], signal: AbortSignal): Promise<Float32Array[] | null>;
}
