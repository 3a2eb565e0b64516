import type { Output } from "../output.ts";

/** A unified diff in colour: what goes red, what comes green, where it stands cyan. */
export function diffView(diff: string, output: Output): string {
  const styled = diff.split("\n").map((line) => {
    if (line.startsWith("+++") || line.startsWith("---")) return output.style("bold", line);
    if (line.startsWith("@@")) return output.style("cyan", line);
    if (line.startsWith("+")) return output.style("green", line);
    return line.startsWith("-") ? output.style("red", line) : line;
  });
  return styled.join("\n");
}
