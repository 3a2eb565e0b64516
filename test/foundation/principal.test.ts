import { expect, test } from "vitest";
import { clientName } from "../../src/foundation/principal.ts";

test("the name that a client gives itself is one line and holds nothing that is not seen", () => {
  expect(clientName("claude-code")).toBe("claude-code");
  expect(clientName("  Claude\tCode 编码 🚲 ")).toBe("Claude Code 编码 🚲");
  expect(clientName("x\n  answered by person:ada\u001b[31m")).toBe("x answered by person:ada [31m");
  // Another agent's name with something unseen in it is that name, which wants its token.
  expect(clientName("night\u200bly\u202e\u{e0041}")).toBe("nightly");
  expect(clientName("\u200b\n")).toBe("");
  expect(clientName(`${"a".repeat(199)}🚲`)).toHaveLength(200);
  expect(clientName(`${"a".repeat(199)}🚲`).isWellFormed()).toBe(true);
});
