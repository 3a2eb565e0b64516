import { expect, test } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { openAccess } from "./fixture-access.ts";

const by = (name: string) => ({ kind: "agent", name }) as const;

scenario("access", "A flood of refused requests", async () => {
  await using open = await openAccess();
  for (let index = 0; index < 10_000; index++) {
    const what = `/made-up/${index % 1000}`;
    open.events.emit("access.refused", { principal: by("unknown"), code: "unauthorized", what });
  }
  await open.access.audit.settled();
  expect((await open.entries()).length).toBe(20);
  await open.restart();
  const entries = await open.entries();
  expect(entries.length).toBeLessThan(50);
  const counted = entries.reduce((sum, { detail }) => sum + ((JSON.parse(detail) as { times?: number }).times ?? 1), 0);
  expect(counted).toBe(10_000);
  expect(await open.access.verify()).toMatchObject({ ok: true });
});

test("a refusal of another kind has its own entry, and equal ones are counted", async () => {
  await using open = await openAccess();
  const attempts = [
    ["a", "forbidden", "doc_update"],
    ["a", "forbidden", "doc_update"],
    ["a", "forbidden", "doc_update"],
    ["b", "forbidden", "doc_update"],
    ["a", "rate_limited", "doc_update"],
  ] as const;
  for (const [name, code, what] of attempts) open.events.emit("access.refused", { principal: by(name), code, what });
  open.events.emit("document.refused", { path: "docs/a.md", code: "path_protected", principal: by("a") });
  open.events.emit("document.refused", { path: "docs/a.md", code: "stale_revision", principal: by("a") });
  await open.restart();
  const entries = (await open.entries()).map(({ actor, action, target, detail }) => [actor, action, target, detail]);
  expect(entries).toEqual([
    ["agent:a", "access.refused", "doc_update", '{"code":"forbidden"}'],
    ["agent:b", "access.refused", "doc_update", '{"code":"forbidden"}'],
    ["agent:a", "access.refused", "doc_update", '{"code":"rate_limited"}'],
    ["agent:a", "access.refused", "docs/a.md", '{"code":"path_protected"}'],
    ["agent:a", "document.refused", "docs/a.md", '{"code":"stale_revision"}'],
    ["agent:a", "access.refused", "doc_update", '{"code":"forbidden","times":2}'],
  ]);
});
