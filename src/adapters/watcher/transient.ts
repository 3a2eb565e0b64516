/**
 * Names that come and go while something is being done and mean nothing themselves: OpenSpec's locks, claims and
 * staging folders (openspec 1.13), editors' swap, backup and probe files, git's locks.
 */
const TRANSIENT: RegExp[] = [
  /^\.openspec-archive\.lock$/,
  /^\.openspec-move-/,
  /\.openspec-(?:claim|retire)-/,
  /^\.(?:fork|init)-staging-/,
  /\.fork-backup-/,
  /^\..*\.tmp$/,
  /~$/,
  /^\.#/,
  /^#.*#$/,
  /\.(?:swp|swo|swx)$/,
  /^4913$/,
  /___jb_(?:tmp|old)___$/,
  /^\.DS_Store$/,
  /\.lock$/,
];

const NEVER_ENTERED = new Set(["node_modules", ".git", ".specloop"]);

/** Whether a name below a planning root is looked past. */
export function isTransient(name: string): boolean {
  return NEVER_ENTERED.has(name) || TRANSIENT.some((pattern) => pattern.test(name));
}
