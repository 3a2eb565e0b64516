import { controlChart } from "./control-chart.ts";
import type { Detector } from "./detector.ts";
import { documentsThreshold } from "./documents-threshold.ts";
import { repeatedUnanswered } from "./repeated-unanswered.ts";

export type { Detector, Scene } from "./detector.ts";

/** Every detector, cheapest first; adding one is a file here and a line below. */
export const DETECTORS: readonly Detector[] = [controlChart, repeatedUnanswered, documentsThreshold];
