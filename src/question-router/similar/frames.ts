/**
 * The ways in which English asks for one thing, as rules over tokens joined by spaces, applied in order. Each makes of
 * several wordings one that is read alike; what no rule knows stays as it was written, and is then no wording of anything
 * else.
 */
export type Rule = readonly [pattern: RegExp, replacement: string];

const ONE = "(?:i|we|you|one|someone|somebody)";
const BE = "(?:is|are|am)";
const WH = "(?:how|what|which|when|where|why|who|whom|whose|whether|if)";
const PREPOSITION = "(?:on|in|at|to|from|for|with|by|under|into|of|over|through|about|against)";

/** What is said around a question. */
export const AROUND: Rule[] = [
  [/^(?:hi|hello|hey)(?: (?:there|all|everyone|everybody|team|folks))?(?: \|)? /, ""],
  [/^(?:please|ok|okay|so|well|quick question)(?: \|)? /, ""],
  [
    new RegExp(
      `^(?:please )?(?:(?:can|could|would|will) (?:you|someone|somebody|anyone|anybody) (?:please )?(?:tell|show|explain|remind)(?: to)?(?: me| us)?|` +
        `do you (?:happen to )?know|does (?:anyone|anybody|someone|somebody) know|` +
        `(?:i|we) (?:would like|want|need|wish) to (?:know|understand|find out|learn)|` +
        `(?:i|we) (?:(?:am|are|was|were) )?(?:wonder|wondering|unsure|curious)|` +
        `(?:tell|remind|show)(?: me| us)|let (?:me|us) know|(?:do you have )?any (?:idea|clue)|my question is|` +
        `explain(?: to me| to us)?|(?:i|we) do not know|` +
        `(?:i|we) (?:am|are) trying to (?:find out|understand|figure out)) (?=(?:${PREPOSITION} )?${WH} )`,
    ),
    "",
  ],
  [/ (?:please|thanks|thank you|thx|in advance|many thanks)(?: \|)?$/, ""],
  [/(?: (?:in|of|for) (?:this|our) (?:project|repository|repo|codebase|code base))(?=$| \|)/, ""],
  [/(?: \|)+$/, ""],
];

/** What is asked for; capital words are the marks that later rules and the comparison know. */
export const FOCUS: Rule[] = [
  [new RegExp(`^(${PREPOSITION}) (what|which|whom) (?!is |are |was |were )(.*)$`), "$2 $3 $1"],
  [/^whether /, "YN "],
  [/^if (?=(?:the|a|an|i|we|you|it|there) )/, "YN "],
  [new RegExp(`^how (?:do|can|could|would) ${ONE} (?:best )?`), "HOW GEN "],
  [new RegExp(`^how (?:can |could |would |do )?${ONE} (?:can |could |would )?(?!not )`), "HOW GEN "],
  [new RegExp(`^how should ${ONE} `), "HOW GEN should "],
  [/^how to /, "HOW GEN "],
  [
    /^what (?:is|are) (?:the |a )?(?:right |proper |correct )?(?:way|ways|procedure|method|steps) (?:to|for|of) /,
    "HOW GEN ",
  ],
  [new RegExp(`^what (?:do|must) ${ONE} (?:have to |need to )?do (?:in order )?to `), "HOW GEN "],
  [/^how many /, "HOWMANY "],
  [/^(?:what (?:is|are) )(?:the )?(?:total )?number of /, "HOWMANY "],
  [/^what number of /, "HOWMANY "],
  [/^(?:how long for|how long|what duration for|what length of time) /, "HOWLONG "],
  [/^(?:for )how long /, "HOWLONG "],
  [/^how (?:often|frequently) /, "HOWOFTEN "],
  [/^how (?:big|large) /, "HOW-big "],
  [/^how (much|far|fast|soon|old|deep|well|small|little|few) /, "HOW-$1 "],
  [/^how come /, "WHY "],
  [/^how /, "HOW "],
  [/^(?:when|(?:what|which) time) (.*?)(?: at)?$/, "WHEN $1"],
  [new RegExp(`^where (?:can|do|could|would) ${ONE} (?:find|locate|look up) (.*)$`), "WHERE is $1"],
  [/^what is (?:the )?location of /, "WHERE is "],
  [/^(?:what|which) (?:place|location) (.*?) (?:in|at)$/, "WHERE $1"],
  [/^where (.*?) (?:located|to be found|found)$/, "WHERE $1"],
  [/^where /, "WHERE "],
  [/^what is (?:the )?reason (?:why |that |for )?/, "WHY "],
  [/^what reason (.*) for$/, "WHY $1"],
  [/^why /, "WHY "],
  [/^(?:which|what) (?:person|people) /, "WHO "],
  [/^(?:who|whom) /, "WHO "],
  [/^(?:what|which) /, "WHAT "],
  [/^is it possible (?:for (?:me|us) )?to /, "YN can GEN "],
  [new RegExp(`^(?:${BE}) (?:i|we|one) able to `), "YN can GEN "],
  [/^(?:can|could) (?:i|we|one) /, "YN can GEN "],
  [
    new RegExp(
      `^(?:is it (?:allowed|permitted|ok|okay) to|${BE} (?:i|we|one) (?:allowed|permitted) to|may (?:i|we|one)) `,
    ),
    "YN may GEN ",
  ],
  [
    new RegExp(
      `^(?:must (?:i|we|one)|do (?:i|we) (?:have|need) to|does one (?:have|need) to|is it (?:necessary|required) to) `,
    ),
    "YN must GEN ",
  ],
  [/^should (?:i|we|one) /, "YN should GEN "],
  [/^(?=(?:is|are|am|was|were|do|does|did|has|have|had|can|could|may|might|must|shall|should|will|would) )/, "YN "],
];

const AGENTLESS = "(?!.* (?:by|and|or|that|which|who|if|when|while|because|before|after|unless|not|never) )";

/** How it is said: auxiliaries, mood, voice. `be`, `past` and `M:` are what remains of them. */
export const SAID: Rule[] = [
  [new RegExp(` ${BE} (\\S.*?) (?:allowed|permitted) to `), " may $1 "],
  [new RegExp(` ${BE} (?:allowed|permitted) to `), " may "],
  [/ (?:have|has|need|needs) to /g, " must "],
  [new RegExp(` ${BE} supposed to `), " should "],
  [/ ought to /g, " should "],
  [new RegExp(` ${BE} able to `), " can "],
  [/ there any /, " there "],
  [/^(HOWMANY .*) (?:is|are) there$/, "$1"],
  // The auxiliary of the question itself stands behind what is asked for, or behind the subject where it is asked indirectly.
  [/^((?:HOW|WHERE|WHEN|HOWLONG|HOWOFTEN|WHY) )(?:do|does) (?=\S)/, "$1"],
  [/^((?:WHAT|WHO|HOWMANY)(?: \S+){0,4}?) (?:do|does) (?=\S)/, "$1 AUX "],
  [/^YN (?:do|does) /, "YN "],
];

/** After words are led back to their bases: participles end in `~`, forms in -ing in `+`. */
export const VOICE: Rule[] = [
  [/^(WHAT|WHO) AUX GEN /, "$1 GEN "],
  [new RegExp(`^((?:HOW|WHERE|WHEN|HOWLONG|HOWOFTEN) )${ONE} `), "$1GEN "],
  [new RegExp(`^(WHAT(?: \\S+){0,3}) AUX (?:i|we|you|one) `), "$1 GEN "],
  // `How is X started` asks what `how do we start X` asks; with a doer named it does not.
  [
    new RegExp(`^((?:HOW|WHERE|WHEN|HOWLONG|HOWOFTEN))${AGENTLESS} be ([^~+]+) (\\S+)~((?: [^~+]*)?)$`),
    "$1 GEN $3 $2$4",
  ],
  [
    new RegExp(`^((?:HOW|WHERE|WHEN|HOWLONG|HOWOFTEN))${AGENTLESS} M:can ([^~+]+) be (\\S+)~((?: [^~+]*)?)$`),
    "$1 GEN $3 $2$4",
  ],
  [new RegExp(`^(YN)${AGENTLESS} M:can ([^~+]+) be (\\S+)~((?: [^~+]*)?)$`), "$1 M:can GEN $3 $2$4"],
  [new RegExp(`^(WHAT)${AGENTLESS} be (\\S+)~((?: [^~+]*)?)$`), "$1 GEN $2$3"],
  [new RegExp(`^((?:HOWLONG|WHEN|WHERE|WHY)) be ([^~+]+) (\\S+)\\+((?: [^~+]*)?)$`), "$1 $2 $3$4"],
  [/^(WHAT \S+(?: \S+)?) be ([^~+]+) (\S+)\+((?: [^~+]*)?)$/, "$1 AUX $2 $3$4"],
  [/^WHAT AUX (.+) mean$/, "WHAT be $1"],
  [/^WHAT be meant by (.+)$/, "WHAT be $1"],
];

/** Applies rules in order, each once. */
export function rewrite(tokens: string, rules: Rule[]): string {
  let text = tokens;
  for (const [pattern, replacement] of rules) text = text.replace(pattern, replacement);
  return text;
}
