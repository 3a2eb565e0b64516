import { SpecloopError } from "../../foundation/errors.ts";
import { fetchJson } from "./http.ts";
import type { ModelInfo } from "./port.ts";

/** Where model servers list what they have, richest first: LM Studio 0.4, LM Studio 0.3, everybody. */
const LISTS: { path: string; models: (body: unknown) => ModelInfo[] | null }[] = [
  { path: "/api/v1/models", models: fromV1 },
  { path: "/api/v0/models", models: fromV0 },
  { path: "/v1/models", models: fromOpenAi },
];

export interface Inventory {
  models: ModelInfo[];
  /** The list was one that only LM Studio has. */
  lmStudio: boolean;
}

type Place = { base: string; token: string | undefined; signal: AbortSignal };

/**
 * The models that the server at `base` lists. Unknown fields and models are let through, because each version of LM
 * Studio adds some. Errors: `llm_unreachable`, `llm_auth`, `llm_timeout`, `llm_protocol`.
 */
export async function fetchInventory(place: Place): Promise<Inventory> {
  const failures: unknown[] = [];
  for (const { path, models } of LISTS) {
    try {
      const found = models(await fetchJson({ url: place.base + path, token: place.token, signal: place.signal }));
      if (found) return { models: found, lmStudio: path.startsWith("/api/") };
    } catch (error) {
      if (
        error instanceof SpecloopError &&
        ["llm_unreachable", "llm_auth", "llm_timeout", "llm_cancelled"].includes(error.code)
      )
        throw error;
      failures.push(error);
    }
  }
  throw new SpecloopError("llm_protocol", `The server at ${place.base} lists no models in any way that is known.`, {
    cause: failures.at(-1),
    target: place.base,
  });
}

/** Whether the server at `base` says that it is LM Studio. Rejects only for what `fetchJson` rejects at transport. */
export async function greetsAsLmStudio(place: Place): Promise<boolean> {
  try {
    const body = await fetchJson({ url: `${place.base}/lmstudio-greeting`, token: place.token, signal: place.signal });
    return record(body)?.["lmstudio"] === true;
  } catch (error) {
    if (error instanceof SpecloopError && ["llm_unreachable", "llm_timeout", "llm_cancelled"].includes(error.code))
      throw error;
    return false;
  }
}

function fromV1(body: unknown): ModelInfo[] | null {
  const list = record(body)?.["models"];
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry): ModelInfo[] => {
    const model = record(entry);
    const key = text(model?.["key"]);
    if (!model || !key) return [];
    const instances = Array.isArray(model["loaded_instances"]) ? model["loaded_instances"].map(record) : [];
    const kind = kindOf(text(model["type"]));
    const most = positive(model["max_context_length"]);
    if (instances.length === 0) return [{ id: key, kind, loaded: false, contextLength: most }];
    return instances.map((instance) => ({
      id: text(instance?.["id"]) ?? key,
      kind,
      loaded: true,
      contextLength: positive(record(instance?.["config"])?.["context_length"]) ?? most,
    }));
  });
}

function fromV0(body: unknown): ModelInfo[] | null {
  const list = record(body)?.["data"];
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry): ModelInfo[] => {
    const model = record(entry);
    const id = text(model?.["id"]);
    if (!model || !id) return [];
    const contextLength = positive(model["loaded_context_length"]) ?? positive(model["max_context_length"]);
    return [{ id, kind: kindOf(text(model["type"])), loaded: model["state"] === "loaded", contextLength }];
  });
}

/** The plain list says neither kind nor state: what it names counts as loaded, its kind is guessed from the name. */
function fromOpenAi(body: unknown): ModelInfo[] | null {
  const list = record(body)?.["data"];
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry): ModelInfo[] => {
    const id = text(record(entry)?.["id"]);
    if (!id) return [];
    const kind = /embed|\bbge\b|\be5\b|minilm/i.test(id) ? "embedding" : "unknown";
    return [{ id, kind, loaded: true, contextLength: positive(record(entry)?.["max_model_len"]) }];
  });
}

function kindOf(type: string | undefined): ModelInfo["kind"] {
  if (type === "llm" || type === "vlm") return "chat";
  return type?.startsWith("embedding") ? "embedding" : "unknown";
}

export function record(value: unknown): Record<string, unknown> | undefined {
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function positive(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : null;
}
