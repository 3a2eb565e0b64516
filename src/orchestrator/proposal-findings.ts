import type { Diagnostic } from "../foundation/errors.ts";
import type { ChangeFacts } from "./findings.ts";
import type { ProposalText } from "./proposal-text.ts";

/** What is wrong with a proposal: not there, without text, or naming other capabilities than the deltas change. */
export function proposalFindings(facts: ChangeFacts): Diagnostic[] {
  const proposal = facts.files.documents.get("proposal.md");
  if (!proposal) return missing(facts);
  const text = proposal.content.proposal;
  if (!text) return [];
  return [...empty(text, proposal.path), ...unlike(text.capabilities, proposal.path, facts)];
}

function missing({ artifacts, files, folder }: ChangeFacts): Diagnostic[] {
  const proposal = artifacts.find(({ id }) => id === "proposal");
  const holdsOthers = [...files.documents.keys()].some((name) => name !== ".openspec.yaml");
  if (!proposal || proposal.status === "done" || !holdsOthers) return [];
  return [
    {
      severity: "warning",
      code: "proposal_missing",
      message: "The change says what to do and not why: it has no proposal.",
      target: `${folder}/proposal.md`,
      fix: "Write proposal.md with the sections Why and What Changes.",
    },
  ];
}

function empty(text: ProposalText, path: string): Diagnostic[] {
  const found = (code: string, message: string, target: string): Diagnostic[] => [
    { severity: "warning", code, message, target, fix: "Say in a few sentences why the change is wanted." },
  ];
  if (text.empty) return found("proposal_empty", "The proposal holds no text beside headings and comments.", path);
  if (text.emptyWhy === null) return [];
  return found("why_empty", "The proposal's section Why says nothing.", `${path}:${text.emptyWhy}`);
}

/** The proposal comes before the deltas, so nothing is missing until there is one, or there are tasks already. */
function unlike(named: ProposalText["capabilities"], path: string, { files, tasks }: ChangeFacts): Diagnostic[] {
  if (!named || (files.deltaFiles.length === 0 && tasks.total === 0)) return [];
  const names = new Set(named.map(({ name }) => name));
  const changed = new Set(files.deltaFiles.map(({ capability }) => capability));
  const without = named.filter(
    ({ name }, index) => !changed.has(name) && named.findIndex((one) => one.name === name) === index,
  );
  const unnamed = names.size === 0 ? [] : files.deltaFiles.filter(({ capability }) => !names.has(capability));
  return [
    ...without.map(({ name, line }): Diagnostic => ({
      severity: "warning",
      code: "capability_without_delta",
      message: `The proposal names the capability ${name}, and no delta changes it.`,
      target: `${path}:${line}`,
      fix: `Write specs/${name}/spec.md in the change, or take the capability out of the proposal.`,
    })),
    ...unnamed.map(({ capability, path: delta }): Diagnostic => ({
      severity: "warning",
      code: "delta_without_capability",
      message: `The delta changes ${capability}, which the proposal's section Capabilities does not name.`,
      target: delta,
      fix: `Name \`${capability}\` there, or remove the delta.`,
    })),
  ];
}
