import { z } from "zod";
import { readFileSync } from "node:fs";
import type { Git, Signatures, SignedObject, Signers } from "../../adapters/git/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { Approvers, usedCode } from "./approvers.ts";
import { isSignedBy } from "./codes.ts";
import { contentHashAt } from "./content.ts";
import { isTrusted, type PersonFiles } from "./person-directory.ts";
import type { Policy } from "./policy.ts";
import type { ApprovalLevel } from "./port.ts";
import { pathsOf, subjectOf } from "./rows.ts";
import { statedBy, statementOf, tagOf } from "./statement.ts";
import type { ApprovalRow, DecisionRow } from "./tables.ts";

/** Why a yes counts, in a form that can be checked again when it is used. */
export interface Evidence {
  by: { name: string; email: string };
  level: ApprovalLevel;
  method: "terminal" | "code" | "signed-tag" | "signed-commit" | "merge" | "protected-branch";
  proof: Proof | null;
}

const proofSchema = z.union([
  z.object({ key: z.string(), signature: z.string() }),
  z.object({ tag: z.string() }),
  z.object({ commit: z.string() }),
  z.object({ url: z.string(), branch: z.string(), commit: z.string() }),
]);
type Proof = z.output<typeof proofSchema>;

interface Dependencies {
  git: Git;
  signatures: Signatures;
  approvers: Approvers;
  files: PersonFiles;
  /** Places where agents write. */
  outside: readonly string[];
  remote: (url: string, branch: string) => Promise<string | null>;
}

/** Checks proofs of a person's yes. Every method throws what says why a proof does not count. */
export class EvidenceChecker {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** A signature made with a one-time code. `use` marks the code as used up. */
  code(row: ApprovalRow, { key, signature }: { key: string; signature: string }): Evidence {
    const { approvers } = this.#deps;
    const found = approvers.find(key);
    if (!found) throw missing(row, "This code is on no sheet of this account.", "Type a code of your newest sheet.");
    if (found.usedFor !== null && found.usedFor !== row.id) throw usedCode();
    if (!isSignedBy(key, this.#statement(row), signature))
      throw missing(row, "The code's signature is for another approval or content.", "Look at the approval again.");
    const { name, email } = found.approver;
    return { by: { name, email }, level: "L1", method: "code", proof: { key, signature } };
  }

  use(row: ApprovalRow, evidence: Evidence): void {
    if (evidence.proof && "key" in evidence.proof) this.#deps.approvers.use(evidence.proof.key, row.id);
  }

  /** A signed tag on the very commit, whose message is the statement. */
  async tag(row: ApprovalRow): Promise<Evidence> {
    const name = tagOf(row.id);
    const tag = await this.#deps.signatures.tag(name);
    if (!tag) throw missing(row, `There is no annotated tag ${name}.`, `Make it: specloop approve ${row.id} --sign`);
    if (tag.commit !== row.commit_id) throw missing(row, `The tag ${name} is on another commit.`);
    if (tag.message.trimEnd() !== this.#statement(row).trimEnd())
      throw missing(row, `The tag ${name} does not say what it approves.`);
    const by = await this.#signer(row, tag, `The tag ${name}`);
    return { by, level: "L1", method: "signed-tag", proof: { tag: tag.id } };
  }

  /** A signed commit that names the proposed one as a parent and leaves the content as it is. */
  async commit(row: ApprovalRow, revision: string): Promise<Evidence> {
    const commit = await this.#deps.signatures.commit(revision);
    if (!commit?.parents.includes(row.commit_id))
      throw missing(row, `The commit ${revision.slice(0, 10)} is not made on the proposed one.`);
    // git signs what the daemon commits, too, where the person lets it sign everything.
    if (/^Specloop-/m.test(commit.message))
      throw missing(row, `The commit ${commit.id.slice(0, 10)} was made by specloop, which approves nothing.`);
    if ((await contentHashAt(this.#deps.git, commit.id, pathsOf(row))) !== row.content_hash)
      throw missing(row, `The commit ${commit.id.slice(0, 10)} has another content.`);
    const by = await this.#signer(row, commit, `The commit ${commit.id.slice(0, 10)}`);
    return { by, level: "L1", method: "signed-commit", proof: { commit: commit.id } };
  }

  /** The remote's protected branch has the content now. */
  async protectedBranch(row: ApprovalRow, policy: Policy): Promise<Evidence> {
    const { git, remote } = this.#deps;
    const { protectedUrl: url, protectedBranch: branch } = policy;
    if (url === null) throw missing(row, "No protected branch is named.", "Set approvals.protectedUrl.");
    const commit = await remote(url, branch);
    const known = commit !== null && (await git.resolve(commit)) !== null;
    if (!known) throw missing(row, `What ${branch} of ${url} has is not here.`, "Run git fetch, then try again.");
    if ((await contentHashAt(git, commit, pathsOf(row))) !== row.content_hash)
      throw missing(row, `The branch ${branch} of ${url} has another content.`, "Merge it there first.");
    const by = { name: `${branch} of ${url}`, email: "" };
    return { by, level: "L2", method: "protected-branch", proof: { url, branch, commit } };
  }

  /** Whether what was recorded as a proof proves it still: rows of a database can be written by others. */
  async holds(row: ApprovalRow, decision: DecisionRow): Promise<boolean> {
    if (decision.level === "L0") return true;
    const proof = proofSchema.safeParse(JSON.parse(decision.proof ?? "null")).data;
    if (!proof) return false;
    try {
      const { by } = await this.#again(row, proof);
      return by.email === decision.by_email && by.name === decision.by_name;
    } catch {
      return false;
    }
  }

  async #again(row: ApprovalRow, proof: Proof): Promise<{ by: Evidence["by"] }> {
    if ("key" in proof) {
      const found = this.#deps.approvers.find(proof.key);
      if (found?.usedFor !== row.id) throw missing(row, "The code was not used for this.");
      return this.code(row, proof);
    }
    if ("tag" in proof) return this.tag(row);
    if ("url" in proof) {
      const policy = { rules: [], sensitive: [], protectedUrl: proof.url, protectedBranch: proof.branch };
      return this.protectedBranch(row, policy);
    }
    return this.commit(row, proof.commit);
  }

  #statement(row: ApprovalRow): string {
    const { commonDirectory } = this.#deps.git.places;
    return statementOf(statedBy(approvalOf(row), { nonce: row.nonce, commonDirectory }));
  }

  async #signer(row: ApprovalRow, signed: SignedObject, what: string): Promise<Evidence["by"]> {
    const verdict = await this.#deps.signatures.verify(signed, this.#signers());
    if ("refused" in verdict) {
      const { allowedSigners } = this.#deps.files;
      throw missing(row, `${what} does not count: ${verdict.refused}.`, `Name your key in ${allowedSigners}.`);
    }
    return { name: verdict.signer, email: verdict.signer };
  }

  #signers(): Signers {
    const { files, outside } = this.#deps;
    const gpgKeys = new Map<string, string>();
    if (isTrusted(files.allowedGpgKeys, outside)) {
      for (const line of readFileSync(files.allowedGpgKeys, "utf8").split("\n")) {
        const [, fingerprint, mail] = /^\s*([0-9A-Fa-f]{40})\s+(\S+)\s*$/.exec(line) ?? [];
        if (fingerprint && mail) gpgKeys.set(fingerprint.toUpperCase(), mail);
      }
    }
    return { allowedSigners: isTrusted(files.allowedSigners, outside) ? files.allowedSigners : null, gpgKeys };
  }
}

export function missing(row: { id: string }, message: string, fix?: string): SpecloopError {
  return new SpecloopError("approval_missing", message, { target: row.id, ...(fix ? { fix } : {}) });
}

function approvalOf(row: ApprovalRow) {
  return { id: row.id, subject: subjectOf(row) };
}
