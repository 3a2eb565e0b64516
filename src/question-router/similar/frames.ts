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
  [/^(what|which) (.+) (is|are)$/, "$1 $3 $2"],
];

/** What is asked for; capital words are the marks that later rules and the comparison know. */
export const FOCUS: Rule[] = [
  [/^(who|what|which) (?:is|are|was|were) it that /, "$1 "],
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
  [/^how (?:fast|quick|quickly) /, "HOW-fast "],
  [/^(?:what|which) way (.*) in$/, "HOW $1"],
  [/^how (much|far|soon|old|deep|well|small|little|few) /, "HOW-$1 "],
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
  [/^can (?:i|we|one) /, "YN can GEN "],
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

/** No clause, no second subject, nobody named who does it. */
const PLAIN =
  "(?!.* (?:by|and|or|that|which|who|how|whether|if|when|while|because|before|after|unless|not|never|do|past) )";
/** Ends there, or goes on with where, when and how: what stands before is whole. */
const WHOLE = `((?: (?:${PREPOSITION.slice(3, -1)}|per|after|before|during|without|within|per|automatically|manually|=\\S+) .*|)?)$`;
const ASKS = "(?:HOW|WHERE|WHEN|HOWLONG|HOWOFTEN)";
/** Somebody or something that does it; `by default` and `by hand` name nobody. */
const DOER =
  "(?!default|hand|mistake|accident|itself|then|now|chance|far|=)((?:(?!(?:and|or|by|in|on|at|to|from|for|with|when|if|that|not|per) )\\S+ ?){1,3})";
const HABIT = "(?:store|use|keep|write|log|record)";

/** How it is said: auxiliaries, mood, voice. `be`, `past` and `M:` are what remains of them. */
export const SAID: Rule[] = [
  [new RegExp(` ${BE} (\\S.*?) (?:allowed|permitted) to `), " may $1 "],
  [new RegExp(` ${BE} (?:allowed|permitted) to `), " may "],
  [/ (?:have|has|need|needs) to /g, " must "],
  [new RegExp(` ${BE} (?:(\\S+(?: \\S+){0,3}) )?supposed to `), " should $1 "],
  [/ ought to /g, " should "],
  [new RegExp(` ${BE} able to `), " can "],
  [/ there any /, " there "],
  [/^(HOWMANY .*) (?:is|are) there$/, "$1"],
  // The auxiliary of the question itself stands behind what is asked for, or behind the subject where it is asked indirectly.
  [/^((?:HOW|WHERE|WHEN|HOWLONG|HOWOFTEN|WHY) )(?:do|does) (?=\S)/, "$1"],
  [/^((?:WHAT|WHO|HOWMANY|HOW-\S+)(?: \S+){0,4}?) (?:do|does) (?=\S)/, "$1 AUX "],
  [/^YN (?:do|does) /, "YN "],
];

/** Between words led back to their bases and the mood put first. */
export const BASED: Rule[] = [
  [/ get (?=\S+~(?: |$))/, " be "],
  // `health of the daemon` and `the daemon's health`, where it is plain how far the owner's name goes.
  [
    new RegExp(
      `(?<= )(?!(?:kind|sort|type|number|out|instead|because|ahead|independent|regardless|any|all|none|one|some|each|both|most|many|few|lot|part|of|not|no|first|last|next|only|rest|case|way|be|use|do|have) )([a-z-]+) of ([a-z-]+)(?= (?:be|past|M:\\S+|on|in|at|to|from|for|with|by|under|into|when|if|before|after|\\S+~)(?: |$)|$)`,
    ),
    "$2 $1",
  ],
];

/** After words are led back to their bases: participles end in `~`, forms in -ing in `+`. */
export const VOICE: Rule[] = [
  [/^HOWMANY (.+) AUX we have$/, "HOWMANY $1"],
  [/^WHAT happen (?:if|once) /, "WHAT happen when "],
  [/^(WHAT|WHO) AUX GEN /, "$1 GEN "],
  [new RegExp(`^(${ASKS}) ${ONE} `), "$1 GEN "],
  [/^(WHY|WHEN|WHERE|HOW) past (?:we|one) /, "$1 past GEN "],
  [/^(HOWLONG|WHEN|WHERE|WHY) be ([^~+]+) (\S+)\+((?: [^~+]*)?)$/, "$1 $2 $3$4"],
  [/^(WHAT \S+(?: \S+)?) be ([^~+]+) (\S+)\+((?: [^~+]*)?)$/, "$1 AUX $2 $3$4"],
  [/^(WHAT(?: \S+){0,3}) AUX (?:i|we|you|one) /, "$1 GEN "],
  // `How is X started` asks what `how do we start X` asks; with a doer named it asks what `how does Y start X` asks.
  [new RegExp(`^(${ASKS})${PLAIN} be ([^~+]+) (\\S+)~${WHOLE}`), "$1 GEN $3 $2$4"],
  [new RegExp(`^(${ASKS}|WHY)${PLAIN.replace("|past)", ")")} past be ([^~+]+) (\\S+)~${WHOLE}`), "$1 past GEN $3 $2$4"],
  [new RegExp(`^(${ASKS})${PLAIN} M:can (.+) be (\\S+)~${WHOLE}`), "$1 GEN $3 $2$4"],
  [new RegExp(`^YN M:(can|may|must|should)${PLAIN} (.+) be (\\S+)~${WHOLE}`), "YN M:$1 GEN $3 $2$4"],
  [new RegExp(`^YN M:(can|may|must|should) we `), "YN M:$1 GEN "],
  [new RegExp(`^WHAT${PLAIN} be (${HABIT})~${WHOLE}`), "WHAT GEN $1$2"],
  [/^by (?:whom|who) be ([^~+]+) (\S+)~$/, "WHO $2 $1"],
  [/^by what be ([^~+]+) (\S+)~$/, "WHAT $2 $1"],
  [new RegExp(`^YN be ([^+]+) (\\S+)~ by ${DOER}$`), "YN $3 $2 $1"],
  [new RegExp(`^YN M:(can|may|must|should) ([^+]+) be (\\S+)~ by ${DOER}$`), "YN M:$1 $4 $3 $2"],
  [new RegExp(`^WHAT ([^~+]+) be (\\S+)~ by ${DOER}$`), "WHAT $1 AUX $3 $2"],
  [/^WHAT (\S+(?: \S+)?) AUX ([^~+]+) have$/, "WHAT be $2 $1"],
  [/^WHAT AUX (.+) mean$/, "WHAT be $1"],
  [/^WHAT be mean~ by (.+)$/, "WHAT be $1"],
];

/** Applies rules in order, each once. */
export function rewrite(tokens: string, rules: Rule[]): string {
  let text = tokens;
  for (const [pattern, replacement] of rules) text = text.replace(pattern, replacement);
  return text;
}
