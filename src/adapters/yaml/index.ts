export { isTooIntricate } from "./bounds.ts";
export { readLocatedYaml, type LocatedYaml, type YamlFault } from "./located.ts";
export { readYaml } from "./read.ts";
export { setYamlKey, writeYaml } from "./write.ts";
