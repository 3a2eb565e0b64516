import type { FakeModel } from "./types.ts";

/** A model as LM Studio's WebSocket interface describes it; with `instance` as one that is loaded. */
export function wireModel(model: FakeModel, instance: boolean): Record<string, unknown> {
  const loaded = {
    identifier: model.id,
    instanceReference: `instance-of-${model.id}`,
    ttlMs: null,
    lastUsedTime: null,
    contextLength: model.contextLength,
  };
  return {
    type: model.kind === "chat" ? "llm" : "embedding",
    modelKey: model.id,
    format: "gguf",
    displayName: model.id,
    publisher: "example",
    path: `example/${model.id}.gguf`,
    sizeBytes: 4_000_000_000,
    indexedModelIdentifier: model.id,
    deviceIdentifier: null,
    paramsString: "7B",
    architecture: "example",
    quantization: { name: "Q4_K_M", bits: 4 },
    maxContextLength: model.contextLength,
    ...(model.kind === "chat" ? { vision: false, trainedForToolUse: true } : {}),
    ...(instance ? loaded : {}),
  };
}

/** The list of `GET /api/v1/models`. */
export function v1Models(models: FakeModel[]): Record<string, unknown> {
  return {
    models: models.map((model) => ({
      type: model.kind === "chat" ? "llm" : "embedding",
      key: model.id,
      display_name: model.id,
      max_context_length: model.contextLength,
      capabilities: { vision: false, trained_for_tool_use: model.kind === "chat" },
      loaded_instances: model.loaded
        ? [{ id: model.id, config: { context_length: model.contextLength, parallel: 4 } }]
        : [],
    })),
  };
}

/** The list of `GET /api/v0/models`. */
export function v0Models(models: FakeModel[]): Record<string, unknown> {
  return {
    object: "list",
    data: models.map((model) => ({
      id: model.id,
      object: "model",
      type: model.kind === "chat" ? "llm" : "embeddings",
      state: model.loaded ? "loaded" : "not-loaded",
      max_context_length: model.contextLength,
    })),
  };
}

/** The list of `GET /v1/models`: with just-in-time loading on, everything that is downloaded. */
export function openAiModels(models: FakeModel[]): Record<string, unknown> {
  return { object: "list", data: models.map(({ id }) => ({ id, object: "model", owned_by: "organization_owner" })) };
}

/** LM Studio's error object. */
export function wireError(title: string, displayData?: Record<string, unknown>): Record<string, unknown> {
  return { title, rootTitle: title, ...(displayData ? { displayData } : {}) };
}

export function notLoaded(identifier: string, models: FakeModel[]): Record<string, unknown> {
  const loaded = models.filter((model) => model.loaded).map(({ id }) => id);
  return wireError("No model found that fits the query.", {
    code: "generic.noModelMatchingQuery",
    query: { identifier },
    loadedModelsSample: loaded,
    totalLoadedModels: loaded.length,
  });
}
