import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";

export const options = defineOptions({
  section: "documents",
  schema: z.object({
    maxBytes: z
      .int()
      .min(1000)
      .max(50_000_000)
      .default(1_000_000)
      .describe("Larger documents are neither read nor edited."),
    extensions: z
      .array(z.string().startsWith("."))
      .default([".md", ".markdown", ".mdx", ".txt", ".yaml", ".yml"])
      .describe("File names that count as documents."),
    sensitive: z
      .array(z.string())
      .default([
        "**/openspec/specs/**",
        "**/openspec/changes/archive/**",
        "**/openspec/config.{yaml,yml}",
        "**/openspec/schemas/**",
        "**/{AGENTS,CLAUDE,GEMINI}.md",
        "specloop.yaml",
      ])
      .describe("Edits of these, and of anything outside openspec/, wait on a branch for a person."),
    protected: z
      .array(z.string())
      .default([
        "**/.git/**",
        "**/.specloop/**",
        "**/{.github,.circleci,.buildkite,.woodpecker}/**",
        "**/{.gitlab-ci,.travis,.drone,.woodpecker,.cirrus,.appveyor,appveyor}.{yml,yaml}",
        "**/{azure,bitbucket}-pipelines.{yml,yaml}",
        "**/.pre-commit-config.{yml,yaml}",
        "**/pnpm-workspace.yaml",
        "**/.gitattributes",
        "**/package.json",
        "**/node_modules/**",
      ])
      .describe("Never read or edited; what lies in a .git or .specloop folder never is, whatever is set here."),
    untracked: z
      .enum(["write", "commit", "refuse"])
      .default("write")
      .describe(
        "An edit of a document that git does not know yet: write it and leave the commit to you, commit the document as it was found and then the edit, or refuse.",
      ),
    verifyMaxBytes: z
      .int()
      .min(0)
      .default(256_000)
      .describe("Section edits of documents up to this size are checked with a full markdown parser."),
    commitRetryMs: z
      .int()
      .min(100)
      .default(15_000)
      .describe(
        "How long the pauses get between two tries of a commit that waits; it is tried whenever git moves, too.",
      ),
    keepBackupDays: z.int().min(1).default(30).describe("How long backups that were made before risky edits are kept."),
    keepReplacedMs: z
      .int()
      .min(1000)
      .default(3_600_000)
      .describe("How long the file that an edit replaced is kept, for programs that still write to it."),
  }),
  env: { SPECLOOP_DOCUMENTS_MAX_BYTES: "maxBytes" },
  tunable: {},
});

export type DocumentOptions = z.output<typeof options.schema>;
