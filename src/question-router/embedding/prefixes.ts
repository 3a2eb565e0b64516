/** What a text is embedded for: models of some families want to be told. */
export type Role = "question" | "passage";

/** Families of models that were trained with words before the text, as their model cards say; one line each. */
const FAMILIES: { name: RegExp; question: string; passage: string }[] = [
  { name: /nomic-embed-text/i, question: "search_query: ", passage: "search_document: " },
  { name: /\be5-|multilingual-e5/i, question: "query: ", passage: "passage: " },
  {
    name: /mxbai-embed|bge-(?:small|base|large)-en|snowflake-arctic-embed/i,
    question: "Represent this sentence for searching relevant passages: ",
    passage: "",
  },
  { name: /embeddinggemma/i, question: "task: search result | query: ", passage: "title: none | text: " },
];

/** The text as a model wants it for its role; of models that are not known, as it is. */
export function prefixed(model: string | null, role: Role, text: string): string {
  const family = model === null ? undefined : FAMILIES.find(({ name }) => name.test(model));
  return `${family?.[role] ?? ""}${text}`;
}
