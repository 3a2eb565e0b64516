interface Offer {
  questionId: string;
  text: string;
  until: number;
  choices?: unknown;
  before?: unknown;
  schema?: unknown;
}

interface Worker {
  agent: string;
  presence: string;
  capabilities: string[];
  load: number;
  maxLoad: number;
  quality: number;
  latencyMs: number | null;
}

/** What an agent reads of an offer: the text is data, and says so. */
export function renderOffers({ offers }: { offers: Offer[] }): string {
  if (offers.length === 0) return "Nothing is offered to you.";
  const rows = offers.map(({ questionId, text, until, choices, schema, before }) => {
    const asked = Array.isArray(before) ? ["Asked before it:", ...before.map(String).map(quoted), "Then:"] : [];
    const how = [
      ...(Array.isArray(choices) ? [`Answer with one of: ${choices.join(" | ")}`] : []),
      ...(schema === undefined ? [] : [`Answer with JSON that fits ${JSON.stringify(schema)}`]),
    ];
    return [`${questionId}, until ${new Date(until).toISOString()}:`, ...asked, quoted(text), ...how].join("\n");
  });
  return `Offered to you; answer with answer_submit, or give back with question_decline.\n\n${rows.join("\n\n")}`;
}

export function renderRegistered({ agent, capabilities, maxLoad, offers }: Worker & { offers: Offer[] }): string {
  const what = `${agent} is asked about ${capabilities.join(", ")}, at most ${maxLoad} at a time.`;
  const next = "Call agent_heartbeat with waitMs to wait for questions, or subscribe to specloop://questions/for-me.";
  return [what, next, ...(offers.length > 0 ? [renderOffers({ offers })] : [])].join("\n\n");
}

export function renderDeclined({ questionId }: { questionId: string }): string {
  return `${questionId} is given back.`;
}

export function renderWorkers({ agents }: { agents: Worker[] }): string {
  if (agents.length === 0) return "No agent has registered.";
  const rows = agents.map(({ agent, presence, load, maxLoad, quality, latencyMs, capabilities }) => {
    const speed = latencyMs === null ? "not asked yet" : `${(latencyMs / 1000).toFixed(1)} s`;
    return `- ${agent}: ${presence}, ${load}/${maxLoad}, quality ${quality.toFixed(2)}, ${speed}; ${capabilities.join(", ")}`;
  });
  return rows.join("\n");
}

function quoted(text: string): string {
  return text
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
}
