import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { keyOf, newCodes, newSalt, type CodeKey } from "./codes.ts";
import { isTrusted, type PersonFiles } from "./person-directory.ts";
import { replaceLocked } from "./replace-locked.ts";

const code = z.object({
  /** Public key of the code. */
  key: z.string(),
  /** The approval that it was used for. */
  usedFor: z.string().nullable(),
});
const approver = z.object({
  name: z.string().min(1),
  email: z.string().min(1),
  sheet: z.object({ id: z.string(), salt: z.string(), createdAt: z.number(), lost: z.boolean() }),
  codes: z.array(code),
  /** Used codes of earlier sheets: what they approved stays provable. */
  retired: z.array(code),
});
const file = z.object({ version: z.literal(1), approvers: z.array(approver) });

/** A person with a sheet of one-time codes. */
export type Approver = z.output<typeof approver>;

export const CODES_ON_A_SHEET = 10;

/** The person's file of approvers, read anew at every use; whoever may write it can approve. */
export class Approvers {
  readonly #files: PersonFiles;
  readonly #outside: readonly string[];

  constructor({ files, outside }: { files: PersonFiles; outside: readonly string[] }) {
    this.#files = files;
    this.#outside = outside;
  }

  /** Throws `forbidden` for a file that cannot be trusted or read. */
  all(): Approver[] {
    const { approvers: path } = this.#files;
    if (!isTrusted(path, this.#outside, true)) return [];
    try {
      return file.parse(JSON.parse(readFileSync(path, "utf8"))).approvers;
    } catch (cause) {
      throw new SpecloopError("forbidden", `${path} cannot be read, so no code counts.`, { target: path, cause });
    }
  }

  /** Who has the code with this key, and what it was used for. */
  find(key: string): { approver: Approver; usedFor: string | null } | null {
    for (const found of this.all()) {
      const entry = [...found.codes, ...found.retired].find((candidate) => candidate.key === key);
      if (entry) return { approver: found, usedFor: entry.usedFor };
    }
    return null;
  }

  /** Which code somebody typed, by the sheet that it is on; null for one that is on none. */
  async keyFor(typed: string): Promise<CodeKey | null> {
    for (const { sheet, codes } of this.all()) {
      const key = await keyOf(typed, sheet.salt);
      if (codes.some((candidate) => candidate.key === key.publicKey)) return key;
    }
    return null;
  }

  /**
   * Marks a code as used for an approval. Throws `approval_used` when it was used for another one, and when the file
   * cannot be written, so that no code is good twice.
   */
  use(key: string, approvalId: string): void {
    const mark = (entry: z.output<typeof code>) => {
      if (entry.key !== key) return entry;
      if (entry.usedFor !== null && entry.usedFor !== approvalId) throw usedCode();
      return { ...entry, usedFor: approvalId };
    };
    this.#rewrite((all) => all.map((found) => ({ ...found, codes: found.codes.map(mark) })));
  }

  /** A new sheet for a person in place of an earlier one; returns the codes, which are kept nowhere. */
  async enroll(
    person: { name: string; email: string },
    { lost, now, count = CODES_ON_A_SHEET }: { lost: boolean; now: number; count?: number },
  ): Promise<string[]> {
    const salt = newSalt();
    const codes = newCodes(count);
    const keys = await Promise.all(codes.map((each) => keyOf(each, salt)));
    const sheet = { id: `s-${randomBytes(6).toString("hex")}`, salt, createdAt: now, lost };
    const fresh = keys.map(({ publicKey }) => ({ key: publicKey, usedFor: null }));
    this.#rewrite((all) => {
      const before = all.find(({ email }) => sameMail(email, person.email));
      const used = before ? [...before.retired, ...before.codes.filter(({ usedFor }) => usedFor !== null)] : [];
      return [...all.filter((other) => other !== before), { ...person, sheet, codes: fresh, retired: used }];
    });
    return codes;
  }

  #rewrite(change: (approvers: Approver[]) => Approver[]): void {
    replaceLocked(this.#files.approvers, "so no code can be used up", () => ({
      version: 1,
      approvers: change(this.all()),
    }));
  }
}

export function usedCode(): SpecloopError {
  return new SpecloopError("approval_used", "This code was used before; each is good for one decision.", {
    fix: "Take the next code of your sheet.",
  });
}

export function sameMail(one: string, other: string): boolean {
  return one.trim().toLowerCase() === other.trim().toLowerCase();
}
