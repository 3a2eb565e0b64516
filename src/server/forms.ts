import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import {
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
  type InputRequiredResult,
  inputResponse,
  type McpServer,
  type ProtocolEra,
  type RequestStateCodec,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Logger } from "../foundation/logger.ts";
import type { ClientForm, FilledForm } from "../foundation/tool.ts";
import type { CallResult } from "./call.ts";

interface State {
  form: string;
}

/** A call as it can be made again with what was filled in. */
export interface FormCall {
  context: ServerContext;
  /** What the call gave so far: it is the result when nobody fills in the form in time. */
  result: CallResult;
  again: (filled: FilledForm) => Promise<CallResult>;
}

/** How long a client may show a form; a person who answers later finds the question in the inbox. */
const SHOWN_MS = 600_000;

/**
 * Forms for the person at a client, in both protocol eras: clients of 2026-07-28 get the form as the result and call again
 * (SEP-2322), those of 2025 get `elicitation/create` while the call is held, no longer than it may be.
 */
export class ClientForms {
  readonly #codec: RequestStateCodec<State>;
  readonly #logger: Logger;

  /** `key`: 32 bytes and more that outlive a restart, so that a form does, too; without one it does not. */
  constructor(key: string | undefined, logger: Logger) {
    this.#codec = createRequestStateCodec<State>({ key: key ?? randomBytes(32), ttlSeconds: SHOWN_MS / 1000 });
    this.#logger = logger;
  }

  /** What the SDK checks a request's state with, before anything else sees the request. */
  get requestState(): { verify: RequestStateCodec<State>["verify"] } {
    return { verify: (state, context) => this.#codec.verify(state, context) };
  }

  /** The form that came back with this request; undefined for a call that brings none. */
  filled({ mcpReq }: ServerContext): FilledForm | undefined {
    const state = mcpReq.requestState<State>();
    if (state === undefined) return undefined;
    const view = inputResponse(mcpReq.inputResponses, FIELD);
    if (view.kind !== "elicit") return { id: state.form, action: "cancel" };
    return filledOf(state.form, view);
  }

  /** The form as the result of a 2026 call. */
  async ask(form: ClientForm): Promise<InputRequiredResult> {
    const { message } = form;
    return inputRequired({
      inputRequests: { [FIELD]: inputRequired.elicit({ message, requestedSchema: schemaOf(form) }) },
      requestState: await this.#codec.mint({ form: form.id }),
    });
  }

  /**
   * Shows the form to a 2025 client and makes the call again with what comes back. When that takes longer than the call may
   * last the result so far is given, and what comes back later is taken all the same.
   */
  async show(form: ClientForm, { context, result, again }: FormCall): Promise<CallResult> {
    const params = { message: form.message, requestedSchema: schemaOf(form) };
    const answered = context.mcpReq
      .elicitInput(params, { timeout: SHOWN_MS })
      .then((response) => again(filledOf(form.id, response)))
      .catch((error: unknown) => {
        // The client went away, or cannot show it after all: the question waits for somebody else.
        this.#logger.debug({ err: error }, "a form was not answered");
        return result;
      });
    const over = new AbortController();
    const late = wait(form.waitMs, result, { signal: over.signal, ref: false }).catch(() => result);
    return Promise.race([answered, late]).finally(() => over.abort());
  }
}

/** The key of the only form in a request; fixed, because a client may show it. */
const FIELD = "answer";
const formsSchema = z.looseObject({ form: z.unknown().optional(), url: z.unknown().optional() });
const capabilitiesSchema = z.looseObject({ elicitation: formsSchema.optional() });

/** Whether this client shows forms: `elicitation: {}` means forms, as before there was anything else. */
export function showsForms(era: ProtocolEra, server: McpServer, { mcpReq }: ServerContext): boolean {
  const envelope: Record<string, unknown> = mcpReq.envelope ?? {};
  const declared = era === "modern" ? envelope[CLIENT_CAPABILITIES_META_KEY] : server.server.getClientCapabilities();
  const data = capabilitiesSchema.safeParse(declared).data?.elicitation;
  return data !== undefined && (data.form !== undefined || data.url === undefined);
}

function schemaOf({ field, title, description }: ClientForm) {
  return {
    type: "object" as const,
    properties: { [field]: { type: "string" as const, title, description } },
    required: [],
  };
}

function filledOf(id: string, { action, content }: { action: FilledForm["action"]; content?: unknown }): FilledForm {
  const text = z.record(z.string(), z.unknown()).safeParse(content).data?.[FIELD];
  return { id, action, ...(typeof text === "string" && { text }) };
}
