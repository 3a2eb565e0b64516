import { expect } from "vitest";

/** Nothing of the text is outside the block of quoted lines, and nothing in it is invisible or a token of a template. */
export function onlyAsData(messages: { role: string; content: string }[], text: string): void {
  const [system, ...others] = messages;
  const nonce = /\[data (\w+) …\]/.exec(system?.content ?? "")?.[1];
  expect(nonce).toMatch(/^[0-9a-f]{12}$/);
  for (const line of text.split("\n")) if (line.length > 20) expect(system?.content).not.toContain(line);
  for (const { content } of others) {
    const outside = content.split("\n").filter((line) => !line.startsWith(`${nonce}|`));
    expect(
      outside.filter((line) => line !== "" && !/^\[(?:data|end) [0-9a-f]{12} \d+(?: "[^"]*")?\]$/.test(line)),
    ).toEqual([]);
    expect(outside.every((line) => line === "" || line.includes(nonce!))).toBe(true);
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    expect(content).not.toMatch(/[\u200b\u202a-\u202e\u001b\u{e0000}-\u{e007f}]|<\|im_|\[INST\]|<<SYS>>|<tool_call>/u);
  }
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const FOLLOWED = /[\u200b\u202a-\u202e\u0007\u001b\u{e0000}-\u{e007f}]|<\|im_|\[INST\]|<<SYS>>|<tool_call>/u;

/** Nothing in a text is invisible, a code of a terminal or a token of a chat template. */
export function onlyWords(text: string): void {
  expect(text).not.toMatch(FOLLOWED);
}
