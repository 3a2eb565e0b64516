import type { Kind } from "../types.ts";
import { qualityOf, type Record, reliabilityOf } from "./choice.ts";
import type { Worker } from "./types.ts";

/** An agent as people and other agents see it. */
export type WorkerView = {
  agent: string;
  presence: Worker["presence"];
  capabilities: string[];
  kinds: Kind[] | null;
  load: number;
  maxLoad: number;
  /** 0..1, mean of the posterior. */
  quality: number;
  reliability: number;
  judged: { useful: number; wrong: number };
  answered: number;
  silent: number;
  latencyMs: number | null;
  seenAt: number;
};

export function workerView(worker: Worker, record: Record, load: number): WorkerView {
  const { useful, wrong, answered, silent, latencyMs } = record;
  return {
    agent: worker.label,
    presence: worker.presence,
    capabilities: worker.capabilities,
    kinds: worker.kinds,
    load,
    maxLoad: worker.maxLoad,
    quality: qualityOf(record),
    reliability: reliabilityOf(record),
    judged: { useful, wrong },
    answered,
    silent,
    latencyMs,
    seenAt: worker.seenAt,
  };
}
