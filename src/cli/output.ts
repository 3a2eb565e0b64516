import { stripVTControlCharacters, styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

interface OutputOptions {
  json: boolean;
  color: boolean;
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

  /** The command's result: the value as JSON, or its text. */
  result(value: unknown, text: () => string): void {
    this.#options.stdout.write(`${this.json ? JSON.stringify(value, null, 2) : text().trimEnd()}\n`);
  }

  /** Prose beside the result. */
  note(text: string): void {
    (this.json ? this.#options.stderr : this.#options.stdout).write(`${text}\n`);
  }

  /** What went wrong. */
  problem(text: string): void {
    this.#options.stderr.write(`${text}\n`);
  }

  style(style: Style, text: string): string {
    return this.#options.color && !this.json ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Columns padded to their widest cell; wide (CJK) characters count twice, as terminals draw them. */
  table(headers: string[], rows: string[][]): string {
    const lines = [headers.map((header) => this.style("bold", header)), ...rows];
    const widths = headers.map((_, column) => Math.max(...lines.map((line) => displayWidth(line[column] ?? ""))));
    return lines
      .map((line) =>
        line
          .map((cell, column) => pad(cell, widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      )
      .join("\n");
  }
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
