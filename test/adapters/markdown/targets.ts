import { scanBlocks } from "../../../src/adapters/markdown/scan.ts";
import { cellsOf } from "../../../src/adapters/markdown/table-cells.ts";
import { readFrontMatter, scanSections, scanTasks, type DocumentEdit } from "../../../src/adapters/markdown/index.ts";

/** An edit of something that stands in a document, and what must hold afterwards. Texts have no byte order mark. */
export interface Target {
  edit: DocumentEdit;
  /** Outside of it every byte stays. */
  span: [number, number];
  /** What the document must say afterwards, read again: equal to `wanted`. */
  read(after: string): unknown;
  wanted: unknown;
  /** The edit that gives the text as it was before. */
  inverse?: DocumentEdit;
}

/** Picks one of some, the same one for the same draw. */
export type Pick = <T>(all: readonly T[]) => T | undefined;
export type Maker = (text: string, pick: Pick) => Target | null;

export const NEW = "zz new 新😀";

const lineStart = (text: string, at: number) => at - /[^\r\n]*$/.exec(text.slice(0, at))![0].length;
export const lineEnd = (text: string, at: number) => at + /^[^\r\n]*(?:\r\n|\r|\n)?/.exec(text.slice(at))![0].length;
const isBlank = (text: string, from: number, to: number) => text.slice(from, to).trim() === "";
/** Behind the last text in front of an offset: blank lines may come or go with what follows them. */
const coreBefore = (text: string, at: number) => text.slice(0, at).trimEnd().length;
const coreBehind = (text: string, at: number) => at + /^\s*/.exec(text.slice(at))![0].length;
export const blankBefore = (text: string, at: number) =>
  at === 0 || /(?:\r\n|\r(?!\n)|\n)[ \t]*(?:\r\n|\r|\n)$/.test(text.slice(0, at));

function namedSections(text: string) {
  const all = scanSections(text).filter(({ level }) => level > 0);
  return all
    .filter(({ heading }) => heading !== "" && !/^#|^\s|\s>\s/.test(heading))
    .map((section) => {
      const same = all.filter(({ heading }) => heading === section.heading);
      return {
        ...section,
        address: {
          section: section.heading,
          occurrence: same.indexOf(section) + 1 || same.findIndex(({ start }) => start === section.start) + 1,
        },
      };
    });
}

const headingsIn = (text: string) =>
  scanSections(text).flatMap(({ level, heading }) => (level > 0 ? [`${level} ${heading}`] : []));

export const renamedSection: Maker = (text, pick) => {
  const section = pick(namedSections(text));
  if (!section) return null;
  const { address, heading, start, bodyStart } = section;
  const names = headingsIn(text);
  const at = scanSections(text)
    .filter(({ level }) => level > 0)
    .findIndex((one) => one.start === start);
  const exact = !/[\r\n]./.test(
    text.slice(start, coreBefore(text, bodyStart)).replace(/[\r\n]+[ \t]*[=-]+[ \t]*$/, ""),
  );
  return {
    edit: { kind: "rename_section", ...address, to: NEW },
    span: [start, bodyStart],
    read: headingsIn,
    wanted: names.with(at, `${section.level} ${NEW}`),
    ...(exact ? { inverse: { kind: "rename_section", section: NEW, to: heading } as const } : {}),
  };
};

export const deletedSection: Maker = (text, pick) => {
  const section = pick(namedSections(text));
  if (!section) return null;
  const { start, end, address } = section;
  const last = end === text.length;
  const sections = scanSections(text).filter((one) => one.level > 0);
  return {
    edit: { kind: "delete_section", ...address },
    span: [last ? coreBefore(text, start) : start, end],
    read: headingsIn,
    wanted: sections
      .filter((one) => one.start < start || one.start >= end)
      .map(({ level, heading }) => `${level} ${heading}`),
  };
};

export const insertedSection: Maker = (text, pick) => {
  const all = namedSections(text);
  const section = pick(all.filter(({ heading }) => all.filter((one) => one.heading === heading).length === 1));
  if (!section) return null;
  const names = headingsIn(text);
  const at = scanSections(text)
    .filter(({ level }) => level > 0)
    .findIndex((one) => one.start === section.start);
  const content = `${"#".repeat(section.level)} ${NEW}\n\ntext\n\n- item`;
  return {
    edit: { kind: "insert_section", before: section.heading, content },
    span: [section.start, section.start],
    read: headingsIn,
    wanted: names.toSpliced(at, 0, `${section.level} ${NEW}`),
    ...(blankBefore(text, section.start) ? { inverse: { kind: "delete_section", section: NEW } as const } : {}),
  };
};

export const movedSection: Maker = (text, pick) => {
  const all = namedSections(text);
  const section = pick(all.filter(({ start }, index) => all.some((one, other) => other > index && one.start > start)));
  if (!section) return null;
  const sibling = pick(
    all.filter(
      (one) =>
        one.start >= section.end &&
        one.level === section.level &&
        all.filter(({ heading }) => heading === one.heading).length === 1,
    ),
  );
  if (!sibling) return null;
  const lines = (body: string) =>
    body
      .split(/\r\n|\r|\n/)
      .filter((line) => line.trim() !== "")
      .toSorted();
  return {
    edit: { kind: "move_section", ...section.address, after: sibling.heading },
    span: [section.start, sibling.end],
    read: (after) => ({ lines: lines(after), sections: headingsIn(after).toSorted() }),
    wanted: { lines: lines(text), sections: headingsIn(text).toSorted() },
  };
};

function namedItems(text: string) {
  const { items } = scanBlocks(text);
  const labelled = items.map((item) => ({
    ...item,
    label: text
      .slice(item.content, item.end)
      .split(/[\r\n]/, 1)[0]!
      .trim(),
  }));
  return labelled
    .filter(
      ({ label, start }) =>
        label !== "" && !/^(?:[-*+]|\d+[.)]|\[)/.test(label) && isBlank(text, lineStart(text, start), start),
    )
    .map((item) => ({
      ...item,
      occurrence:
        labelled.filter(({ label }) => label === item.label).findIndex(({ start }) => start === item.start) + 1,
    }));
}

const itemsIn = (text: string) =>
  scanBlocks(text).items.map(
    ({ depth, content, end }) =>
      `${depth} ${text
        .slice(content, end)
        .split(/[\r\n]/, 1)[0]!
        .trim()}`,
  );

export const replacedItem: Maker = (text, pick) => {
  const item = pick(namedItems(text));
  if (!item) return null;
  const { items } = scanBlocks(text);
  const at = items.findIndex(({ start }) => start === item.start);
  const inner = items[at + 1];
  const end = inner && inner.start < item.end ? lineStart(text, inner.start) : item.end;
  const single = text.slice(item.content, end).trimEnd() === item.label;
  return {
    edit: { kind: "replace_item", target: item.label, occurrence: item.occurrence, content: `${NEW}\n\nmore` },
    span: [item.content, end],
    read: itemsIn,
    wanted: itemsIn(text).with(at, `${item.depth} ${NEW}`),
    ...(single && item.content > item.start + item.width
      ? { inverse: { kind: "replace_item", target: NEW, content: item.label } as const }
      : {}),
  };
};

export const addedItem: Maker = (text, pick) => {
  const all = namedItems(text);
  const item = pick(all.filter(({ label }) => all.filter((one) => one.label === label).length === 1));
  if (!item) return null;
  const { items } = scanBlocks(text);
  const behind = items.findIndex(({ start }) => start > item.end);
  const at = behind === -1 ? items.length : behind;
  const end = lineEnd(text, item.end);
  return {
    edit: { kind: "add_item", after: item.label, content: NEW },
    span: [end, end],
    read: itemsIn,
    wanted: itemsIn(text).toSpliced(at, 0, `${item.depth} ${NEW}`),
    // At the end of a text its blank lines would go as well, and elsewhere all of several between two items.
    ...((isBlank(text, end, text.length) && end < text.length) ||
    text.slice(end, coreBehind(text, end)).split(/\r\n|\r|\n/).length > 2
      ? {}
      : { inverse: { kind: "delete_item", target: NEW } as const }),
  };
};

export const deletedItem: Maker = (text, pick) => {
  const item = pick(namedItems(text));
  if (!item) return null;
  const { items } = scanBlocks(text);
  const kept = items.filter(({ start }) => start < item.start || start > item.end);
  const from = lineStart(text, item.start);
  return {
    edit: { kind: "delete_item", target: item.label, occurrence: item.occurrence },
    // Blank lines on one of its sides go with it.
    span: [coreBefore(text, from), coreBehind(text, lineEnd(text, item.end))],
    read: (after) => itemsIn(after).length,
    wanted: kept.length,
  };
};

const tasksIn = (text: string) => scanTasks(text).map(({ text: said, done }) => `${done} ${said}`);

function uniqueTasks(text: string) {
  const tasks = scanTasks(text);
  const times = (wanted: (task: (typeof tasks)[number]) => boolean) => tasks.filter(wanted).length;
  return tasks.filter(
    (task) =>
      task.text !== "" &&
      task.number === null &&
      times(
        ({ text: said, number }) => said === task.text || number === task.text || said.endsWith(` ${task.text}`),
      ) === 1,
  );
}

export const tickedTask: Maker = (text, pick) => {
  const task = pick(uniqueTasks(text));
  if (!task) return null;
  const at = scanTasks(text).findIndex(({ markOffset }) => markOffset === task.markOffset);
  return {
    edit: { kind: "set_task", task: task.text, done: !task.done },
    span: [task.markOffset, task.markOffset + task.markLength],
    read: tasksIn,
    wanted: tasksIn(text).with(at, `${!task.done} ${task.text}`),
    ...(/^[ x]$/.test(text.slice(task.markOffset, task.markOffset + task.markLength))
      ? { inverse: { kind: "set_task", task: task.text, done: task.done } as const }
      : {}),
  };
};

export const rewordedTask: Maker = (text, pick) => {
  const task = pick(uniqueTasks(text));
  if (!task) return null;
  const at = scanTasks(text).findIndex(({ markOffset }) => markOffset === task.markOffset);
  return {
    edit: { kind: "reword_task", task: task.text, content: NEW },
    span: [task.markOffset + task.markLength, text.indexOf(task.text, task.markOffset) + task.text.length],
    read: tasksIn,
    wanted: tasksIn(text).with(at, `${task.done} ${NEW}`),
    ...(task.text.startsWith("[") ? {} : { inverse: { kind: "reword_task", task: NEW, content: task.text } as const }),
  };
};

export const addedTask: Maker = (text, pick) => {
  const task = pick(uniqueTasks(text));
  if (!task) return null;
  const from = lineStart(text, task.markOffset);
  const at = scanTasks(text).findIndex(({ markOffset }) => markOffset === task.markOffset);
  return {
    edit: { kind: "add_task", before: task.text, content: NEW },
    span: [from, from],
    read: tasksIn,
    wanted: tasksIn(text).toSpliced(at, 0, `false ${NEW}`),
    inverse: { kind: "delete_task", task: NEW },
  };
};

function uniqueRows(text: string) {
  const rows = scanBlocks(text).tables.flatMap((table) =>
    table.rows.map((row) => ({ table, row, cells: cellsOf(text.slice(row.start, row.end)) })),
  );
  const bare = (label: string) => label.replace(/^[`*_]+|[`*_]+$/g, "");
  const labels = rows.map(({ cells }) => bare(cells[0]?.text ?? ""));
  return rows
    .map((row, index) => ({ ...row, index, label: row.cells[0]?.text ?? "" }))
    .filter(({ label }) => label !== "" && labels.filter((one) => one === bare(label)).length === 1);
}

const rowsIn = (text: string) =>
  scanBlocks(text).tables.flatMap(({ rows }) =>
    rows.map(({ start, end }) => cellsOf(text.slice(start, end)).map((cell) => cell.text)),
  );

export const setCells: Maker = (text, pick) => {
  const found = pick(uniqueRows(text).filter(({ cells }) => cells.length > 1));
  if (!found) return null;
  const { table, row, cells, index, label } = found;
  const columns = cellsOf(text.slice(table.head.start, table.head.end)).map((cell) => cell.text);
  const column = columns[1];
  if (column === undefined || columns.indexOf(column) !== 1) return null;
  const cell = cells[1]!;
  const fits = NEW.length <= cell.outer.end - cell.start - 1 && cell.start === cell.outer.start + 1;
  const wanted = rowsIn(text);
  wanted[index] = wanted[index]!.with(1, `${NEW}|`);
  return {
    edit: { kind: "set_row", target: label, value: { [column]: `${NEW}|` } },
    span: [row.start + cell.outer.start, row.start + cell.outer.end],
    read: rowsIn,
    wanted,
    ...(fits && cell.text.length > NEW.length + 2
      ? { inverse: { kind: "set_row", target: label, value: { [column]: cell.text } } as const }
      : {}),
  };
};

export const addedRow: Maker = (text, pick) => {
  const found = pick(uniqueRows(text));
  if (!found) return null;
  const { table, row, index, label } = found;
  const columns = cellsOf(text.slice(table.head.start, table.head.end)).length;
  const end = lineEnd(text, row.end);
  const values = Array.from({ length: columns }, (_, column) => (column === 0 ? NEW : `v${column}`));
  return {
    edit: { kind: "add_row", after: label, value: values },
    span: [end, end],
    read: rowsIn,
    wanted: rowsIn(text).toSpliced(index + 1, 0, values),
    inverse: { kind: "delete_row", target: NEW },
  };
};

const codesIn = (text: string) =>
  scanBlocks(text).codes.map(
    ({ info, content }) =>
      `${info}\n${text
        .slice(content.start, content.end)
        .replaceAll(/\r\n|\r/g, "\n")
        .replaceAll(/^[ \t]+/gm, "")}`,
  );

export const replacedCode: Maker = (text, pick) => {
  const { codes } = scanBlocks(text);
  const code = pick(codes.filter(({ closed }) => closed));
  if (!code) return null;
  const at = codes.indexOf(code);
  const old = text.slice(code.content.start, code.content.end);
  const exact = code.column === 0 && old !== "" && !/\r/.test(text) && code.start === lineStart(text, code.start);
  return {
    edit: { kind: "replace_code", occurrence: at + 1, content: `# ${NEW}\n\n- x` },
    span: [code.content.start, code.content.end],
    read: codesIn,
    wanted: codesIn(text).with(at, `${code.info}\n# ${NEW}\n\n- x\n`),
    ...(exact ? { inverse: { kind: "replace_code", occurrence: at + 1, content: old } as const } : {}),
  };
};

export const frontMatterKey: Maker = (text) => {
  const front = frontMatterOr(text);
  if (!front) return null;
  const { range, bodyStart, data } = front;
  // Front matter without a key would go with the one that is set and taken away.
  const empty = range !== null && Object.keys(data).length === 0;
  const glued = range === null && /^[ \t]*[\r\n]/.test(text.slice(bodyStart));
  return {
    edit: { kind: "set_front_matter", key: "zz_key", value: [NEW, 1, true] },
    span: range ? [range.start, range.end] : [0, 0],
    read: (after) => readFrontMatter(after, "a.md").data,
    wanted: { ...data, zz_key: [NEW, 1, true] },
    ...(empty || glued ? {} : { inverse: { kind: "delete_front_matter", key: "zz_key" } as const }),
  };
};

/** What begins with a rule may look like front matter that cannot be read; such a document has no key to set. */
function frontMatterOr(text: string) {
  try {
    return readFrontMatter(text, "a.md");
  } catch {
    return null;
  }
}
