/** Variables that make a program load somebody's code. */
const LOADING =
  /^(NODE_OPTIONS|NODE_PATH|LD_|DYLD_|PYTHON(PATH|STARTUP|HOME)|BASH_ENV|ENV|PERL5|RUBY(OPT|LIB)|GIT_|JAVA_TOOL|npm_config_|PATH$)/i;

/** Whether a variable of this name decides what code a program runs. */
export function loadsCode(variable: string): boolean {
  return LOADING.test(variable);
}
