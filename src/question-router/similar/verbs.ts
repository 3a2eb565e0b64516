/**
 * Verbs of questions about software. Only what is listed is led back to its base: a rule of spelling would make one of
 * `strip` and `stripe`, `plan` and `plane`, `import` and `important`.
 */
const REGULAR =
  `accept access acquire activate add allow amend answer append apply approve archive ask assign attach audit authenticate
  back backup begin block branch bump bypass cache call cancel change check claim clean clear clone close collect commit
  compare compile compute configure confirm connect contain continue convert copy count crash create declare decline
  define delete deliver deploy depend describe detect deprecate determine differ disable discard discover display
  document download draft drop edit emit enable encode encrypt decrypt decode end enforce enter erase exclude execute
  exit expire explain export expose extend extract fail fetch filter finish fix flush follow force fork format function
  generate handle happen halt help host identify ignore implement import include increase decrease index indicate
  inherit initialize initialise inject insert install invoke issue join judge keep label launch learn like limit link
  list listen load locate lock log look maintain manage map mark match measure merge migrate mock modify monitor move
  name need notify obtain occur offer omit open optimize order organize output overlap override overwrite own package
  parse pass patch pause perform permit pick pin ping play point poll post prefer prepare prevent print process produce
  profile promote prompt propose protect provide prune publish pull purchase push query queue raise reach receive record
  recover reduce refer refresh refund refuse register reject release reload remain remove rename render repair repeat
  replace reply report request require reset resolve respond restart restore restrict resume retain retrieve retry
  return reuse revert review revoke roll rotate route sanitize save scale scan schedule search secure select separate
  serve share ship show sign skip sort specify split squash stage start state stop store stream subscribe submit
  succeed supply support suspend switch sync synchronize tag talk terminate test throttle tick toggle trace track
  transfer transform translate trigger truncate trust try tune turn undo uninstall unlock update upgrade upload use
  utilize validate verify visit wait warn watch work wrap exist expect matter consist concern affect belong influence invalidate consider version rebuild collide escalate`.split(
    /\s+/,
  );
/** Base, past, participle. */
const IRREGULAR =
  `keep kept kept|write wrote written|build built built|rebuild rebuilt rebuilt|send sent sent|find found found|make made made|hold held held|
  give gave given|take took taken|choose chose chosen|hide hid hidden|lose lost lost|throw threw thrown|draw drew drawn|
  tell told told|bind bound bound|spend spent spent|know knew known|break broke broken|begin began begun|
  see saw seen|mean meant meant|understand understood understood|say said said|freeze froze frozen|
  overwrite overwrote overwritten|rewrite rewrote rewritten|undo undid undone|grow grew grown|think thought thought|
  bring brought brought|buy bought bought|sell sold sold|pay paid paid|go went gone|get got gotten|show showed shown`
    .split("|")
    .map((row) => row.trim().split(" "));
const DOUBLED =
  "stop plan drop commit submit tag log skip map trim wrap pin ship permit refer strip omit occur prefer flag plug swap mock scan".split(
    " ",
  );
/** Words in -s that are no plural of the word without it, or mean something else. */
const NO_PLURAL: ReadonlySet<string> = new Set(
  `https news windows means always sometimes besides perhaps lens series species alias aws dns tls css sms ios macos
  kubernetes jenkins pandas goods customs glasses analytics ops redis various previous across less unless towards
  thus plus yes gas bus this his its us was is as has does process access class pass`.split(/\s+/),
);

/** A form of a word: its base, and `~` for a participle or past form, `+` for a form in -ing. */
export function baseOf(word: string): string {
  const verb = FORMS.get(word);
  if (verb !== undefined) return verb;
  if (word.length < 4 || !word.endsWith("s") || /(?:ss|us|is|os|as)$/.test(word) || NO_PLURAL.has(word)) return word;
  if (word.endsWith("ies") && word.length > 4) return `${word.slice(0, -3)}y`;
  return /(?:ch|sh|x|ss|zz)es$/.test(word) ? word.slice(0, -2) : word.slice(0, -1);
}

const FORMS: ReadonlyMap<string, string> = forms();

function forms(): Map<string, string> {
  const all = new Map<string, string>();
  const put = (form: string, base: string) => {
    if (!all.has(form)) all.set(form, base);
  };
  for (const [base, past, participle] of IRREGULAR as [string, string, string][]) {
    put(base, base);
    put(past, `${base}~`);
    put(participle, `${base}~`);
    put(ing(base), `${base}+`);
    put(third(base), base);
  }
  for (const base of REGULAR) {
    put(base, base);
    put(third(base), base);
    put(past(base), `${base}~`);
    put(ing(base), `${base}+`);
  }
  for (const base of ["set", "run", "read", "cut", "put", "reset", "split", "quit", "shut"]) {
    put(third(base), base);
    put(/[aeiou][^aeiou]$/.test(base) && base !== "read" ? `${base}${base.at(-1)}ing` : `${base}ing`, `${base}+`);
  }
  all.set("ids", "id").set("does", "do").set("doing", "do+").set("done", "do~").set("dying", "die+").set("ran", "run~");
  return all;
}

function third(base: string): string {
  if (/[^aeiou]y$/.test(base)) return `${base.slice(0, -1)}ies`;
  return /(?:s|x|z|ch|sh|o)$/.test(base) ? `${base}es` : `${base}s`;
}

function past(base: string): string {
  if (base.endsWith("e")) return `${base}d`;
  if (/[^aeiou]y$/.test(base)) return `${base.slice(0, -1)}ied`;
  return DOUBLED.includes(base) ? `${base}${base.at(-1)}ed` : `${base}ed`;
}

function ing(base: string): string {
  if (/[^eoy]e$/.test(base)) return `${base.slice(0, -1)}ing`;
  return DOUBLED.includes(base) || ["get", "begin"].includes(base) ? `${base}${base.at(-1)}ing` : `${base}ing`;
}
