import type { Git } from "../adapters/git/index.ts";
import {
  isChangeId,
  parseSpec,
  writeChange,
  type ChangeDraft,
  type Validator,
  type Verdict,
} from "../adapters/openspec/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { principalLabel, type Principal } from "../foundation/principal.ts";
import { planningFiles } from "./planning-files.ts";
import type { MainRequirement } from "./proposal/deltas.ts";
import { archiveNameOf, PROPOSAL_REFS } from "./proposals.ts";
import type { RootState } from "./state.ts";

/** A draft that is written when it is known what the specs say at the commit that it will stand on. */
export interface Drafting {
  capabilities: string[];
  write: (main: MainRequirement) => ChangeDraft;
}

export interface ProposeContext {
  principal: Principal;
  /** `Specloop-*` trailers of the commit. */
  trailers: Record<string, string>;
}

export interface ProposeResult {
  changeId: string;
  /** Short name of the branch. */
  branch: string;
  commit: string;
  /** Null when no OpenSpec was found to judge. */
  verdict: Verdict | null;
}

export interface ProposeParts {
  git: Git;
  clock: Clock;
  /** Null when verdicts are switched off. */
  validator: Validator | null;
}

/**
 * Writes a change as one commit on `specloop/<id>`, on top of HEAD; worktree and index stay as they are. Throws
 * `bad_input`, `no_commits`, `change_exists`, and `invalid_change` with OpenSpec's issues in the details.
 */
export async function propose(
  given: ChangeDraft | Drafting,
  { principal, trailers }: ProposeContext,
  state: RootState,
  parts: ProposeParts,
): Promise<ProposeResult> {
  const { commit: parent } = await parts.git.head();
  if (parent === null)
    throw new SpecloopError("no_commits", "The repository has no commit that a proposal could stand on.");
  const draft = "write" in given ? await write(given, { state, parent, parts }) : given;
  const files = writeChange(draft, localDate(parts.clock.now()));
  const ref = PROPOSAL_REFS + draft.id;
  await refuseExisting(draft.id, state, parent, parts.git);
  const verdict = await judge(draft, files, { state, parent, parts });
  const folder = `${state.root}/changes/${draft.id}`;
  const commit = await parts.git.commitToBranch({
    ref,
    parent,
    expected: null,
    files: new Map([...files].map(([name, content]) => [`${folder}/${name}`, content])),
    message: `Propose: ${draft.title.replaceAll(/\s+/g, " ").trim()}\n\n${draft.why.trim()}\n`,
    trailers: { "Specloop-Change": draft.id, "Specloop-Principal": principalLabel(principal), ...trailers },
  });
  return { changeId: draft.id, branch: ref.slice("refs/heads/".length), commit, verdict };
}

async function write({ capabilities, write }: Drafting, { state, parent, parts }: Place): Promise<ChangeDraft> {
  const planning = await planningFiles(parts.git, { commit: parent, root: state.root, capabilities });
  const specs = new Map(
    capabilities.map((capability) => {
      const bytes = planning.get(`specs/${capability}/spec.md`);
      return [capability, parseSpec(bytes ? Buffer.from(bytes).toString("utf8") : "").requirements] as const;
    }),
  );
  return write(
    (capability, requirement) => specs.get(capability)?.find(({ name }) => name === requirement.trim()) ?? null,
  );
}

async function refuseExisting(id: string, state: RootState, head: string, git: Git): Promise<void> {
  if (!isChangeId(id)) return;
  const taken = await whereTaken(id, state, head, git);
  if (taken === null) return;
  let free = 2;
  while ((await whereTaken(`${id}-${free}`, state, head, git)) !== null) free += 1;
  throw new SpecloopError("change_exists", `A change with the id ${id} ${taken}.`, {
    target: id,
    fix: `Look whether that one covers the goal. For another change take another id; ${id}-${free} is free.`,
    details: { free: `${id}-${free}` },
  });
}

async function whereTaken(id: string, state: RootState, head: string, git: Git): Promise<string | null> {
  if (state.changes.has(id)) return "exists already";
  const archived = archiveNameOf(id, state.archived);
  if (archived !== null) return `was archived as ${archived}`;
  if ((await git.list(head, `${state.root}/changes/${id}`)).size > 0) return "exists in the last commit";
  return (await git.resolve(PROPOSAL_REFS + id)) === null ? null : `has a branch specloop/${id} already`;
}

interface Place {
  state: RootState;
  parent: string;
  parts: ProposeParts;
}

/** The strict verdict on the draft beside what HEAD has. */
async function judge(
  draft: ChangeDraft,
  files: Map<string, string>,
  { state, parent, parts }: Place,
): Promise<Verdict | null> {
  if (!parts.validator) return null;
  const capabilities = [...files.keys()].flatMap((name) => /^specs\/(.+)\/spec\.md$/.exec(name)?.[1] ?? []);
  const planning = await planningFiles(parts.git, { commit: parent, root: state.root, capabilities });
  const all = new Map<string, string | Uint8Array>(planning);
  for (const [name, content] of files) all.set(`changes/${draft.id}/${name}`, content);
  const verdict = await parts.validator.checkFiles(draft.id, all).catch((error: unknown) => {
    if (error instanceof SpecloopError && error.code === "no_validator") return null;
    throw error;
  });
  if (!verdict || verdict.valid) return verdict;
  const issues = verdict.issues.filter(({ level }) => level !== "INFO");
  const text = issues.map(({ level, path, message }) => `${level} ${path}: ${message}`).join("\n");
  throw new SpecloopError("invalid_change", `OpenSpec ${verdict.version} does not accept the change:\n${text}`, {
    target: draft.id,
    details: { issues, version: verdict.version },
  });
}

/** The day as people count it, `2026-11-21`, which is what OpenSpec writes. */
function localDate(now: number): string {
  return new Date(now).toLocaleDateString("sv-SE");
}
