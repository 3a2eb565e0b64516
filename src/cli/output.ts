import { stripVTControlCharacters, styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

interface OutputOptions {
  json: boolean;
  color: boolean;
  /** Columns of the terminal; absent when stdout is none. */
  columns?: number | undefined;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
}

/**
 * What a command says. With `--json` stdout carries exactly one JSON document and prose goes to stderr; without, stdout
 * carries text, coloured only on a terminal.
 */
export class Output {
  readonly json: boolean;
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#options = options;
  }

  /** Whether a person reads stdout on a terminal, and no program. */
  get terminal(): boolean {
    return this.#options.columns !== undefined;
  }

  /** The command's result: the value as JSON, or its text. */
  result(value: unknown, text: () => string): void {
    const said = this.json ? JSON.stringify(value, null, 2) : this.#harmless(text().trimEnd());
    this.#options.stdout.write(`${said}\n`);
  }

  /** Says on a terminal what goes on; what is returned takes it away again. Silent elsewhere. */
  progress(text: string): () => void {
    if (this.json || this.#options.columns === undefined) return () => {};
    const { stdout, columns } = this.#options;
    stdout.write(cut(text, columns - 1));
    return () => void stdout.write("\r\u001b[2K");
  }

  /**
   * Lines on a terminal that are drawn again and again in their place; no lines take them away. Null where nobody watches.
   */
  live(): ((lines: string[]) => void) | null {
    const { stdout, columns } = this.#options;
    if (this.json || columns === undefined) return null;
    let drawn = 0;
    return (lines) => {
      const up = drawn === 0 ? "" : `\u001b[${drawn}A\r\u001b[0J`;
      const text = lines.map((line) => `${this.#harmless(cutStyled(line, columns - 1))}\n`).join("");
      stdout.write(up + text);
      drawn = lines.length;
    };
  }

  /** A question to who sits at the terminal. */
  prompt(text: string): void {
    this.#options.stderr.write(text);
  }

  /** Prose beside the result. */
  note(text: string): void {
    (this.json ? this.#options.stderr : this.#options.stdout).write(`${this.#harmless(text)}\n`);
  }

  /** What went wrong. */
  problem(text: string): void {
    this.#options.stderr.write(`${this.#harmless(text)}\n`);
  }

  style(style: Style, text: string): string {
    return this.#options.color && !this.json ? styleText(style, text, { validateStream: false }) : text;
  }

  /**
   * Columns padded to their widest cell; wide (CJK) characters count twice, as terminals draw them. Columns without any
   * content are left out. On a terminal that is too narrow the last column wraps, or goes below its row.
   */
  table(headers: string[], rows: string[][]): string {
    const used = headers.map((_, column) => column).filter((column) => rows.some((row) => (row[column] ?? "") !== ""));
    const lines = [headers.map((header) => this.style("bold", header)), ...rows].map((row) =>
      used.map((column) => row[column] ?? ""),
    );
    const widths = used.map((_, column) => Math.max(...lines.map((line) => displayWidth(line[column] ?? ""))));
    return lines.map((line) => this.#row(line, widths)).join("\n");
  }

  #row(cells: string[], widths: number[]): string {
    const { columns = Infinity } = this.#options;
    const whole = cells.map((cell, column) => pad(cell, widths[column] ?? 0)).join("  ");
    if (displayWidth(whole.trimEnd()) <= columns) return whole.trimEnd();
    const first = cells.slice(0, -1).map((cell, column) => pad(cell, widths[column] ?? 0));
    const left = first.join("  ");
    const room = columns - displayWidth(left) - 2;
    if (room >= MIN_COLUMN) return `${left}  ${wrap(cells.at(-1) ?? "", room, displayWidth(left) + 2)}`;
    return `${left.trimEnd()}\n    ${wrap(cells.at(-1) ?? "", columns - 4, 4)}`;
  }

  /**
   * Text of documents and agents is shown, never obeyed: on a terminal nothing passes but the styles that specloop uses
   * itself. None of them hides a text, as concealed or black letters would.
   */
  #harmless(text: string): string {
    return this.#options.columns === undefined ? text : text.replaceAll(CONTROLS, "\ufffd");
  }
}

/** A column narrower than this is put below its row instead. */
const MIN_COLUMN = 30;
const CONTROLS =
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  /\u001b(?!\[(?:1|2|4|22|24|3[1-79])m)|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** Lines of at most `room` columns, broken at spaces; all but the first are indented. A longer word stays whole. */
function wrap(text: string, room: number, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(`${last} ${word}`) <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

function cut(text: string, width: number): string {
  return displayWidth(text) <= width
    ? text
    : `${Array.from(text)
        .slice(0, Math.max(0, width - 1))
        .join("")}…`;
}

/** The same with colours, which take no room; they end with the line. */
function cutStyled(line: string, width: number): string {
  if (displayWidth(line) <= width) return line;
  let left = width - 1;
  let shown = "";
  // oxlint-disable-next-line no-control-regex -- colours are what it looks for
  for (const [part] of line.matchAll(/\u001b\[[\d;]*m|[^\u001b]/gu)) {
    if (part.startsWith("\u001b")) shown += part;
    else if ((left -= displayWidth(part)) >= 0) shown += part;
    else break;
  }
  return `${shown}…${line.includes("\u001b") ? "\u001b[0m" : ""}`;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/gu;

function displayWidth(text: string): number {
  const plain = stripVTControlCharacters(text);
  return Array.from(plain).length + (plain.match(WIDE)?.length ?? 0);
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)));
}
