import { onTestFinished } from "vitest";
import { SpecloopError, type Diagnostic } from "../../../src/foundation/errors.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";
import { change, PLANNING } from "../setup.ts";
import { openWorld, person, type World, type WorldOptions } from "./world.ts";

export const DONE = "## 1. A\n\n- [x] 1.1 b\n";
export const SPEC_PATH = "openspec/specs/auth/spec.md";

/** A requirement block. */
export function requirement(name: string, sentence = "The system SHALL do it.", scenarios = ["good"]): string {
  const blocks = scenarios.map((scenario) => `\n#### Scenario: ${scenario}\n- **WHEN** a\n- **THEN** b\n`);
  return `### Requirement: ${name}\n${sentence}\n${blocks.join("")}`;
}

export function delta(operation: string, ...requirements: string[]): string {
  return `## ${operation} Requirements\n\n${requirements.join("\n")}`;
}

/** A planned change whose tasks are done. */
export function done(id: string, text: string): Record<string, string> {
  return change(id, text, DONE);
}

/** A repository with the main spec `auth`, and these files, committed; removed at the end of the test. */
export async function planned(files: Record<string, string> = {}): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ ...PLANNING, ".gitignore": ".specloop/\n", ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

export async function worldOf(repository: { path: string }, given: WorldOptions = {}): Promise<World> {
  const world = await openWorld(repository.path, given);
  onTestFinished(() => world[Symbol.asyncDispose]());
  return world;
}

/** Archives one change as a person and gives the reasons of the refusal; fails when it was archived. */
export async function refusal(world: World, id: string): Promise<Diagnostic[]> {
  const error = await world.archives.archive({ ids: [id], principal: person }).then(
    () => new Error(`${id} was archived`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SpecloopError)) throw error;
  return (error.details?.["reasons"] as Diagnostic[] | undefined) ?? [error.toDiagnostic()];
}
