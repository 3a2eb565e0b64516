import { SpecloopError } from "../foundation/errors.ts";

/** A variable of the daemon's environment is a secret only under a name that says so: no repository can name another. */
const PREFIX = "SPECLOOP_SECRET_";
/** A shorter one would stand in words that have nothing to do with it. */
const MIN_CHARACTERS = 8;

/** Values of secrets, by the names that workflows give them. */
export class Secrets {
  readonly #env: Record<string, string | undefined>;

  constructor(env: Record<string, string | undefined>) {
    this.#env = env;
  }

  /** Throws `bad_config` where the environment has none of this name, or one that is too short to be found again. */
  value(name: string): string {
    const variable = PREFIX + name;
    const value = this.#env[variable];
    if (value === undefined || value === "") {
      throw new SpecloopError("bad_config", `There is no secret ${name} for workflows.`, {
        target: name,
        fix: `Start the daemon with the variable ${variable}.`,
      });
    }
    if (value.length >= MIN_CHARACTERS) return value;
    throw new SpecloopError("bad_config", `The secret ${name} has less than ${MIN_CHARACTERS} characters.`, {
      target: name,
      fix: `Give ${variable} a longer value: a short one cannot be kept out of what is stored.`,
    });
  }

  /** The same value with `«NAME»` wherever one of these secrets stood, in texts and in keys, also as it is encoded. */
  redact(names: readonly string[], value: unknown): unknown {
    const forms = names.flatMap((name) => {
      const secret = this.#env[PREFIX + name];
      if (secret === undefined || secret.length < MIN_CHARACTERS) return [];
      return formsOf(secret).map((form) => ({ form, shown: `«${name}»` }));
    });
    if (forms.length === 0) return value;
    // Of two that begin alike the longer one goes first, or its rest would stay.
    forms.sort((a, b) => b.form.length - a.form.length);
    return replaced(value, (text) => forms.reduce((rest, { form, shown }) => rest.replaceAll(form, shown), text));
  }
}

/** As it is, in an address, in JSON, in base64 at each of its three offsets; and of several lines each that is long enough. */
function formsOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= MIN_CHARACTERS);
  const forms = [secret, ...lines].flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    ...[0, 1, 2].flatMap((offset) => base64Of(text, offset)),
    Buffer.from(text).toString("hex"),
  ]);
  return [...new Set(forms)].filter((form) => form.length >= MIN_CHARACTERS);
}

/** The characters of base64 that depend on this text alone when `offset` bytes stand before it. */
function base64Of(text: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  const whole = Math.floor((bytes.length * 8) / 6);
  const own = bytes.toString("base64").slice(Math.ceil((offset * 8) / 6), whole);
  return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
}

function replaced(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === "string") return replace(value);
  if (Array.isArray(value)) return value.map((item) => replaced(item, replace));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [replace(key), replaced(item, replace)]));
}
