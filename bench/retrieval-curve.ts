import type { Figures } from "../src/question-router/evaluation/figures.ts";

const SIZE = { width: 640, height: 400, left: 60, top: 30, right: 20, bottom: 50 };
const STYLE = { dev: { color: "#8a8f98", dash: "5 4" }, test: { color: "#1f6feb", dash: "" } } as const;

/** Share of the answers that are wrong against the share of questions answered right, one line for each half. */
export function curvePicture(parts: { dev: Figures; test: Figures }): string {
  const lines = (["dev", "test"] as const).map((half) => line(half, parts[half]));
  const ticks = [0, 0.2, 0.4, 0.6, 0.8].flatMap((share) => [
    text([x(share), SIZE.height - SIZE.bottom + 18], `${share * 100} %`, "middle"),
    ...(share <= 0.6 ? [text([SIZE.left - 8, y(share) + 4], `${share * 100} %`, "end")] : []),
    `<line x1="${x(share)}" y1="${y(0)}" x2="${x(share)}" y2="${y(0.6)}" stroke="#d0d7de"/>`,
    ...(share <= 0.6 ? [`<line x1="${x(0)}" y1="${y(share)}" x2="${x(0.8)}" y2="${y(share)}" stroke="#d0d7de"/>`] : []),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" font-family="sans-serif" font-size="12">`,
    `<title>Wrong answers against coverage at each minScore</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...ticks,
    text([x(0.4), SIZE.height - 12], "answerable questions answered right", "middle"),
    text([SIZE.left, 18], "answers that are wrong or unfounded", "start"),
    ...lines,
    "</svg>\n",
  ].join("\n");
}

function line(half: "dev" | "test", { curve }: Figures): string {
  const { color, dash } = STYLE[half];
  const points = curve.filter(({ precision }) => precision !== null);
  const path = points.map(({ coverage, precision }) => `${x(coverage)},${y(1 - precision!)}`).join(" ");
  const dots = points
    .filter(({ minScore }) => [0, 0.2, 0.4, 0.55, 0.7, 0.8].includes(minScore))
    .map(({ coverage, precision, minScore }) => {
      const [cx, cy] = [x(coverage), y(1 - precision!)];
      const label = half === "test" ? text([cx - 7, cy - 6], String(minScore), "end") : "";
      return `<circle cx="${cx}" cy="${cy}" r="${minScore === 0.55 ? 5 : 3}" fill="${color}"/>${label}`;
    });
  const name = text(
    [x(0.03), y(half === "dev" ? 0.53 : 0.57)],
    half === "dev" ? "- - dev: thresholds were chosen on it" : "— test: nothing was chosen on it",
    "start",
    color,
  );
  return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>${dots.join("")}${name}`;
}

function x(share: number): number {
  return round(SIZE.left + (share / 0.8) * (SIZE.width - SIZE.left - SIZE.right));
}

function y(share: number): number {
  return round(SIZE.height - SIZE.bottom - (share / 0.6) * (SIZE.height - SIZE.top - SIZE.bottom));
}

function text([left, top]: [number, number], said: string, anchor: string, color = "#24292f"): string {
  return `<text x="${left}" y="${top}" text-anchor="${anchor}" fill="${color}">${said}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
