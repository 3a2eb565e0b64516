import { expect, test } from "vitest";
import { ConfigHolder, loadConfig } from "../src/config.ts";
import { temporaryRepository } from "./helpers/repository.ts";
import { scenario } from "./helpers/scenario.ts";

scenario("daemon", "Later sources win", async () => {
  await using repository = await temporaryRepository({ "specloop.yaml": "server:\n  port: 9001\n" });
  const sources = { repository: repository.path, env: {}, flags: {} };
  expect(loadConfig({ ...sources, repository: "/nowhere" }).server.port).toBe(8080);
  expect(loadConfig(sources).server.port).toBe(9001);
  expect(loadConfig({ ...sources, env: { SPECLOOP_PORT: "9002" } }).server.port).toBe(9002);
  const all = { ...sources, env: { SPECLOOP_PORT: "9002" }, flags: { "server.port": 9003 } };
  expect(loadConfig(all).server.port).toBe(9003);
});

test.each([
  ["WORKFLOW_ORCHESTRATOR_SOCKET", "/run/x.sock", "server.socket"],
  ["LM_STUDIO_BASE_URL", "http://127.0.0.1:4321", "llm.baseUrl"],
])("the earlier name %s is understood", (variable, value, option) => {
  const config = loadConfig({ repository: "/nowhere", env: { [variable]: value }, flags: {} });
  const [section, key] = option.split(".") as [keyof typeof config, string];
  expect((config[section] as Record<string, unknown>)[key]).toBe(value);
});

test("OPENSPEC_WATCH_PATH names what is watched", () => {
  const config = loadConfig({ repository: "/nowhere", env: { OPENSPEC_WATCH_PATH: "planning/openspec" }, flags: {} });
  expect(JSON.stringify(config.openspec)).toContain("planning/openspec");
});

test("parts see a reload at their next use; a broken file keeps the options as they were", async () => {
  await using repository = await temporaryRepository({ "specloop.yaml": "questions:\n  expireHours: 2\n" });
  const holder = new ConfigHolder({ repository: repository.path, env: {}, flags: {} });
  const live = holder.live("questions");
  expect(live.current.expireHours).toBe(2);
  await repository.write("specloop.yaml", "questions:\n  expireHours: 3\n");
  holder.reload();
  expect(live.current.expireHours).toBe(3);
  await repository.write("specloop.yaml", "questions:\n  expireHours: [\n");
  expect(() => holder.reload()).toThrow(/specloop\.yaml/);
  expect(live.current.expireHours).toBe(3);
});

test("every tunable option has a number inside its range as default", () => {
  const holder = new ConfigHolder({ repository: "/nowhere", env: {}, flags: {} });
  const tunables = Object.entries(holder.tunables());
  expect(tunables.length).toBeGreaterThan(0);
  for (const [key, { range, current }] of tunables) {
    expect(current(), key).toBeGreaterThanOrEqual(range.min);
    expect(current(), key).toBeLessThanOrEqual(range.max);
  }
});
