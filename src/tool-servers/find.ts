import { Terms } from "../adapters/search/index.ts";

/** A tool as it can be found by words. */
export interface Findable {
  id: string;
  title: string;
  description: string;
}

/** BM25's usual constants (Robertson and Zaragoza 2009). */
const K1 = 1.2;
const B = 0.75;
/** A word of the name says more than one of the description. */
const NAME_WEIGHT = 3;

const terms = new Terms();

/** The tools whose names and descriptions fit the words best, best first; all in their order for words that say nothing. */
export function findTools<Tool extends Findable>(query: string, tools: readonly Tool[]): Tool[] {
  const wanted = terms.ofQuestion(query).map(({ term }) => term);
  if (wanted.length === 0) return [...tools];
  const documents = tools.map(countsOf);
  const mean = documents.reduce((sum, { length }) => sum + length, 0) / Math.max(1, documents.length);
  const rarity = new Map(
    wanted.map((term) => {
      const holding = documents.filter(({ counts }) => counts.has(term)).length;
      return [term, Math.log(1 + (documents.length - holding + 0.5) / (holding + 0.5))];
    }),
  );
  const score = ({ counts, length }: Counts) =>
    wanted.reduce((sum, term) => {
      const count = counts.get(term) ?? 0;
      return sum + ((rarity.get(term) ?? 0) * count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / mean));
    }, 0);
  return tools
    .map((tool, at) => ({ tool, score: score(documents[at]!) }))
    .filter((found) => found.score > 0)
    .sort((a, b) => b.score - a.score || (a.tool.id < b.tool.id ? -1 : 1))
    .map(({ tool }) => tool);
}

interface Counts {
  counts: Map<string, number>;
  length: number;
}

function countsOf({ id, title, description }: Findable): Counts {
  const counts = new Map<string, number>();
  const count = (text: string, weight: number) => {
    for (const term of terms.ofText(text)) counts.set(term, (counts.get(term) ?? 0) + weight);
  };
  count(wordsOf(id), NAME_WEIGHT);
  count(title, NAME_WEIGHT);
  count(description, 1);
  return { counts, length: [...counts.values()].reduce((sum, each) => sum + each, 0) };
}

/** `github.create_issue`, `readTextFile`: the words that a name is made of. */
function wordsOf(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").replaceAll(/[._/:-]+/g, " ");
}
