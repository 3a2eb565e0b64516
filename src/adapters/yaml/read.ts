import { type Document, LineCounter, parseDocument } from "yaml";
import { SpecloopError, type ErrorCode } from "../../foundation/errors.ts";
import { isTooIntricate } from "./bounds.ts";

/** Larger YAML is refused: configuration and experiments are small, and parsing grows faster than the text. */
const MAX_CHARACTERS = 256 * 1024;

/**
 * The value of a YAML document, aliases refused and keys unique. Throws `code` with file, line and column, so that the
 * person finds the place.
 */
export function readYaml(text: string, path: string, code: ErrorCode = "bad_config"): unknown {
  if (text.length > MAX_CHARACTERS) {
    throw new SpecloopError(code, `${path} is larger than ${MAX_CHARACTERS} characters.`, { target: path });
  }
  if (isTooIntricate(text)) {
    throw new SpecloopError(code, `${path} has more keys, items and brackets than are read.`, { target: path });
  }
  const lines = new LineCounter();
  const document = parse(text, lines, (cause) => {
    return new SpecloopError(code, `${path} is nested too deeply.`, { target: path, cause });
  });
  const error = document.errors[0];
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    const target = `${path}:${line}:${col}`;
    throw new SpecloopError(code, `${target}: ${error.message}`, { target, cause: error });
  }
  try {
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  } catch (cause) {
    throw new SpecloopError(code, `${path}: ${(cause as Error).message}`, { target: path, cause });
  }
}

/** Deep nesting overflows the parser's stack. */
function parse(text: string, lineCounter: LineCounter, refuse: (cause: unknown) => SpecloopError): Document {
  try {
    return parseDocument(text, { lineCounter, schema: "core", prettyErrors: false, uniqueKeys: false });
  } catch (cause) {
    throw refuse(cause);
  }
}
