/** Words that change nothing wherever they stand. */
export const IDLE: ReadonlySet<string> = new Set(
  "the an please kindly exactly actually basically really our thanks thx precisely".split(" "),
);

/** Words for one thing in questions about software; the first stands for all. A pair of opposites must never stand here. */
const SAME: string[] = [
  "delete remove erase",
  "start begin launch",
  "directory folder dir",
  "repository repo",
  "configuration config",
  "document doc",
  "application app",
  "database db",
  "parameter param",
  "argument arg",
  "information info",
  "maximum max maximal",
  "minimum min minimal",
  "specification spec",
  "administrator admin",
  "message msg",
  "function func",
  "dependency dep",
  "production prod",
  "big large",
  "fast quick",
  "select choose pick",
  "display show",
  "store save",
  "use utilize utilise employ",
  "happen occur",
  "keep retain",
  "halt stop",
  "fix repair mend",
  "synchronize synchronise sync",
  "initialize initialise init",
  "initialization initialisation",
  "color colour",
  "behavior behaviour",
  "authorize authorise",
  "organize organise",
  "allow permit",
  "owner proprietor",
  "require need",
  "purpose aim",
  "buy purchase",
  "often frequently",
  "identifier id",
  "reference ref",
  "every each",
];

/**
 * Words that mean the same in most questions and something else in some: they are taken for one only where vectors of the
 * whole questions agree as well.
 */
const NEAR: string[] = [
  "setting option configuration preference",
  "error failure",
  "get obtain fetch retrieve",
  "guide tutorial manual",
  "provide supply offer",
  "make create",
  "edit modify adjust alter",
  "picture image",
  "define specify",
  "check verify",
  "contain include",
  "explain describe",
  "rule policy",
  "name title",
  "list enumerate",
  "run execute",
  "responsible accountable",
];
/** Words without which a question is the same in most cases; as `NEAR`. */
export const NEARLY_IDLE: ReadonlySet<string> = new Set(
  "currently normally usually typically generally simply also somehow own".split(" "),
);

const UNITS: [string, string][] = [
  ["=ms", "millisecond milliseconds ms"],
  ["=s", "second seconds sec secs s"],
  ["=min", "minute minutes min mins"],
  ["=h", "hour hours hr hrs h"],
  ["=d", "day days d"],
  ["=KB", "kilobyte kilobytes"],
  ["=MB", "megabyte megabytes"],
  ["=GB", "gigabyte gigabytes"],
  ["=%", "percent"],
];
const EXACT_UNITS: ReadonlyMap<string, string> = new Map([
  ...["ms", "s", "min", "h", "d", "KB", "MB", "GB", "%"].map((sign) => [`=${sign}`, `=${sign}`] as const),
  ["=sec", "=s"],
  ["=secs", "=s"],
  ["=mins", "=min"],
  ["=hr", "=h"],
  ["=hrs", "=h"],
]);

const NUMBERS = "two three four five six seven eight nine ten eleven twelve".split(" ");

/** Questions, particles and politeness of Chinese and Japanese: longest first, what stands for it, or nothing. */
export const CJK_SAME: [string, string][] = [
  ["请问一下", ""],
  ["请问", ""],
  ["请告诉我", ""],
  ["告诉我", ""],
  ["我想知道", ""],
  ["怎么样才能", "如何"],
  ["怎样才能", "如何"],
  ["怎么才能", "如何"],
  ["如何才能", "如何"],
  ["怎么样", "如何"],
  ["怎样", "如何"],
  ["怎么", "如何"],
  ["为何", "为什么"],
  ["为啥", "为什么"],
  ["多长时间", "多久"],
  ["哪一个", "哪个"],
  ["在哪里", "在哪"],
  ["在哪儿", "在哪"],
  ["什么地方", "哪"],
  ["何处", "哪"],
  ["什么时候", "何时"],
  ["几时", "何时"],
  ["删除掉", "删除"],
  ["目录", "文件夹"],
  ["启动", "开始"],
  ["ください", ""],
  ["教えて", ""],
  ["でしょうか", "か"],
  ["ですか", "か"],
  ["的", ""],
  ["吗", ""],
  ["呢", ""],
  ["啊", ""],
];

const CANON = canon(SAME);
const NUMBER = new Map(NUMBERS.map((word, index) => [word, `=${index + 2}`]));
const NEAR_CANON = canon(NEAR);
const UNIT = new Map(UNITS.flatMap(([sign, words]) => words.split(" ").map((word) => [word, sign] as const)));

/** The word that stands for this one and all that mean the same. */
export function standIn(word: string): string {
  return NUMBER.get(word) ?? CANON.get(word) ?? word;
}

/** The same with the words that are near only. */
export function nearStandIn(word: string): string {
  const same = standIn(word);
  return NEAR_CANON.get(same) ?? NEAR_CANON.get(word) ?? same;
}

/** The sign of a unit that stands behind a number, null for any other word. */
export function unitSign(token: string): string | null {
  return EXACT_UNITS.get(token) ?? UNIT.get(token) ?? null;
}

/** Whether a word is one of the tables': written as a name it means something else. */
export function isListed(word: string): boolean {
  return IDLE.has(word) || NEARLY_IDLE.has(word) || CANON.has(word) || NEAR_CANON.has(word) || UNIT.has(word);
}

function canon(rows: string[]): ReadonlyMap<string, string> {
  return new Map(
    rows.flatMap((row) => {
      const words = row.split(" ");
      return words.map((word) => [word, words[0]!] as const);
    }),
  );
}
