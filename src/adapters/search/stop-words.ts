/** English words that carry no subject: articles, pronouns, auxiliaries, prepositions and the words that make a question. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about above actually after again against all also although am an and another any anybody anyone anything are aren
  as ask at away back be became because become been before being below between both but by came can cannot come could
  couldn d did didn do does doesn doing don done down during each either else ever every everything exactly explain few
  find for from further get gets getting give given go goes going got had hadn happen happened happening happens has
  hasn have haven having he hello help her here hers herself hi him himself his how however i if in instead into is isn
  it its itself just kind know let like ll m many may maybe me mean means might mine more most much must my myself need
  needed needs neither no nor not now of off on once one only onto or other others otherwise our ours ourselves out over
  own please possible possibly quite rather re really s said same say says see seem seems shall she should shouldn show
  since so some somebody someone something sort still such supposed sure t take tell than thank thanks that the their
  theirs them themselves then there therefore these they thing things think this those though through thus to together
  too toward towards under until up upon us ve very via want wanted wants was wasn way we well went were weren what
  whatever when whenever where whether which while who whoever whole whom whose why will with within without won would
  wouldn yet you your yours yourself`.split(/\s+/),
);

export function isStopWord(word: string): boolean {
  return STOP_WORDS.has(word);
}
