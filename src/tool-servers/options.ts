import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";

/** Part of every tool's id, so nothing that could be taken for something else. `specloop` is ourselves. */
export const SERVER_NAME = /^(?!specloop$)[a-z0-9][a-z0-9_-]{0,31}$/;
const TOOL_NAME = z.string().regex(/^[A-Za-z0-9_./-]{1,128}$/, "is no name of a tool");
const globs = z.array(z.string().min(1).max(200)).max(200);
const texts = z.record(z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, "is no name"), z.string().max(8000));

const answering = z.strictObject({
  tool: TOOL_NAME.describe("The server's own name of the tool."),
  argument: z.string().min(1).max(100).describe("Its text argument that takes the question."),
  capabilities: z
    .array(z.string().min(2).max(60))
    .min(1)
    .max(50)
    .describe("Words; a question has to hold one of them."),
  priority: z.int().min(0).max(1000).default(100).describe("Lower is asked first."),
});

const ms = (least: number, most: number) => z.int().min(least).max(most);

const server = z.strictObject({
  command: z.string().min(1).max(1000).optional().describe("Program that speaks MCP on stdin and stdout."),
  args: z.array(z.string().max(8000)).max(200).default([]).describe("Its arguments, one by one; no shell is between."),
  cwd: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe("Where it runs, relative to the repository; your home by default."),
  env: texts
    .default({})
    .describe("Variables it gets beside PATH, HOME and the like; `${env:NAME}` stands for one of the daemon's own."),
  url: z.string().max(2000).optional().describe("Address of a server that speaks MCP over HTTP."),
  headers: texts.default({}).describe("Headers for it; secrets as `${env:NAME}`."),
  network: z
    .enum(["loopback", "private", "public"])
    .optional()
    .describe("Where the address of `url` has to lie; to be named for a host name in a private network."),
  socket: z.string().min(1).max(500).optional().describe("Unix socket that speaks MCP, a message a line."),
  tools: z
    .strictObject({
      allow: globs.default(["*"]).describe("Tools that are taken; * stands for any characters."),
      deny: globs.default([]).describe("Tools that are left out."),
    })
    .prefault({})
    .describe("Which of its tools count at all."),
  answers: z.array(answering).max(20).default([]).describe("Its tools that may answer questions."),
  timeoutMs: ms(100, 600_000).default(60_000).describe("Longest call, in milliseconds."),
  startTimeoutMs: ms(100, 300_000).default(30_000).describe("Longest start, in milliseconds."),
  idleMs: ms(1000, 86_400_000).default(300_000).describe("It is stopped when nobody used it for so long."),
  concurrency: z.int().min(1).max(64).default(4).describe("Calls at the same time; as many times eight may wait."),
  maxResultCharacters: z.int().min(100).max(200_000).default(20_000).describe("What of a result's text is kept."),
});
export type ServerOptions = z.output<typeof server>;

/** The `servers` section of specloop.yaml: name -> server. Nothing of it runs before a person approved it. */
export const options = defineOptions({
  section: "servers",
  schema: z
    .object({})
    .catchall(server)
    .superRefine((servers, context) => {
      for (const name of Object.keys(servers).filter((each) => !SERVER_NAME.test(each))) {
        const message = "a server is called with 1 to 32 of a-z, 0-9, dash and underscore, and not specloop";
        context.addIssue({ code: "custom", path: [name], message });
      }
    }),
  env: { MCP_ORCHESTRATOR_SOCKET: "orchestrator.socket" },
  tunable: {},
});

/** The section as it was read: every key is a server. */
export type ServersOptions = z.output<typeof options.schema>;
