export { isTooIntricate } from "./bounds.ts";
export { readYaml } from "./read.ts";
export { setYamlKey, writeYaml } from "./write.ts";
