import { test, type TestContext } from "vitest";

/**
 * A test that proves one `#### Scenario:` of `openspec/specs/<capability>/spec.md`. Write both arguments as plain string
 * literals: `test/scenarios.test.ts` reads them from the source and compares them with the specs, both ways.
 */
export function scenario(
  capability: string,
  name: string,
  body: (context: TestContext) => Promise<void> | void,
  timeoutMs?: number,
): void {
  test(`${capability}: ${name}`, body, timeoutMs);
}
