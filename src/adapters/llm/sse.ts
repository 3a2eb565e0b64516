/** Takes text as it comes and gives the `data` of each complete server-sent event (WHATWG HTML §9.2). */
export class SseParser {
  #rest = "";
  #data: string[] = [];

  /** The payloads that this piece completes. */
  push(piece: string): string[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  /** What was left without its final empty line. */
  end(): string[] {
    const rest = [this.#rest.replace(/\r$/, ""), ""];
    this.#rest = "";
    return rest.flatMap((line) => this.#line(line));
  }

  #line(line: string): string[] {
    if (line.startsWith("data:")) this.#data.push(line.slice(line[5] === " " ? 6 : 5));
    if (line !== "" || this.#data.length === 0) return [];
    const payload = this.#data.join("\n");
    this.#data = [];
    return [payload];
  }
}
