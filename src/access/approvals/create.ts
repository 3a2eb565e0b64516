import { Arrivals, remoteBranch, Signatures, type Git } from "../../adapters/git/index.ts";
import { personFiles } from "./person-directory.ts";
import type { ApprovalOptions } from "./options.ts";
import { ApprovalService, type ApprovalDependencies } from "./service.ts";

type Given = Omit<ApprovalDependencies, "arrivals" | "signatures" | "remote" | "files" | "policy"> & {
  git: Git;
  env: Record<string, string | undefined>;
  options: () => ApprovalOptions;
  /** Globs of sensitive documents as they are configured now. */
  sensitive: () => readonly string[];
};

/** The service over the installed git, ssh-keygen and gpg, and the files of the person who runs the daemon. */
export function createApprovals({ env, options, sensitive, ...given }: Given): ApprovalService {
  const { places } = given.git;
  return new ApprovalService({
    ...given,
    arrivals: new Arrivals({ places, env }),
    signatures: new Signatures({ places, env }),
    remote: (url, branch) => remoteBranch({ url, branch, env }),
    files: personFiles(env),
    policy: () => {
      const { rules, protectedUrl = null, protectedBranch } = options();
      return { rules, protectedUrl, protectedBranch, sensitive: [...sensitive()] };
    },
  });
}
