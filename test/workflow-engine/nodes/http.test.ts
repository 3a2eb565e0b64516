import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import type { NodeType } from "../../../src/workflow-engine/index.ts";
import { http } from "../../../src/workflow-engine/nodes/http.ts";
import { scenario } from "../../helpers/scenario.ts";
import { codes, planOf } from "../definition/house.ts";
import { begin, openHouse } from "../engine/house.ts";
import { serve, type Web } from "./web.ts";

interface Ended {
  state: string;
  output: { status: number; headers: Record<string, string>; body: unknown } | null;
  error: { kind: string; message: string } | null;
}

/** Runs one http node to its end. */
async function send(fields: string, input: Record<string, unknown> = {}): Promise<Ended> {
  await using house = await openHouse({ types: [http as NodeType] });
  const names = Object.keys(input).map((name) => `${name}: any`);
  const text = `name: sends\ninputs: { ${names.join(", ")} }\nnodes:\n  a:\n    type: http\n${fields.replaceAll(/^/gm, "    ")}\n`;
  const id = await begin(house, planOf(text), { input });
  const run = await house.engine.waitFor(id, 30_000);
  const [node] = run.nodes;
  const output = run.output && "value" in run.output ? (run.output.value as { a: Ended["output"] }).a : null;
  return { state: run.state, output, error: node?.error ?? null };
}

const json = (web: Web, more = "") => `origin: ${web.origin}\n${more}`;

scenario("workflows", "A request with values", async () => {
  await using web = await serve((_request, answer) => {
    answer.setHeader("content-type", "application/json; charset=utf-8");
    answer.setHeader("set-cookie", "session=1");
    answer.end('{"id": 7}');
  });
  const input = { id: "../../admin?x=1#y", words: ["a b", "c&d"], note: 'say "hi"\r\nHost: evil' };
  const fields = [
    "method: POST",
    `origin: ${web.origin}`,
    'path: "/users/${{ inputs.id }}/notes"',
    'query: { q: "${{ inputs.words }}", none: null }',
    'json: { text: "${{ inputs.note }}", list: "${{ inputs.words }}" }',
  ].join("\n");
  const { state, output } = await send(fields, input);
  expect(state).toBe("succeeded");
  expect(output).toMatchObject({ status: 200, body: { id: 7 } });
  expect(output!.headers).not.toHaveProperty("set-cookie");
  const [seen] = web.seen;
  expect(seen!.url).toBe("/users/..%2F..%2Fadmin%3Fx%3D1%23y/notes?q=a+b&q=c%26d");
  expect(JSON.parse(seen!.body)).toEqual({ text: input.note, list: input.words });
  expect(seen!.headers).toMatchObject({
    "content-type": "application/json",
    "idempotency-key": expect.stringMatching(/^"r-[^"]+\/a\/0"$/) as string,
  });
});

scenario("workflows", "Data chooses no host", async () => {
  const node = (fields: string) => `name: x\ninputs: { h: string }\nnodes:\n  a: { type: http, ${fields} }\n`;
  expect(codes(node('origin: "https://${{ inputs.h }}"'))).toContain("template/not-here");
  expect(codes(node('origin: "https://example.org/path"'))).toEqual(["schema/value"]);
  expect(codes(node('origin: "https://user:pass@example.org"'))).toEqual(["schema/value"]);
  expect(codes(node('origin: "ftp://example.org"'))).toEqual(["schema/value"]);
  expect(codes(node('origin: "https://example.org", headers: { Host: evil.example }'))).toEqual(["schema/value"]);
  expect(
    codes(node('origin: "https://example.org", headers: { x: "${{ inputs.h }}" }, body: a, json: b')),
  ).toHaveLength(1);
  await using web = await serve((_request, answer) => answer.end("no"));
  for (const id of ["..", ".", "%2e%2e"]) {
    const given = await send(`${json(web)}path: "/a/\${{ inputs.id }}"`, { id });
    // What is encoded already is text, not a way up.
    if (id.startsWith("%")) expect(web.seen.at(-1)?.url).toBe("/a/%252e%252e");
    else
      expect(given).toMatchObject({
        state: "failed",
        error: { message: expect.stringContaining("leads elsewhere") as string },
      });
  }
  const split = await send(`${json(web)}headers: { x-a: "\${{ inputs.h }}" }`, { h: "a\r\nx-b: c" });
  expect(split).toMatchObject({ state: "failed", error: { kind: "refused" } });
});

scenario("workflows", "An address that is not the internet", async () => {
  await using web = await serve((_request, answer) => answer.end("inside"));
  const refused = { state: "failed", error: { kind: "refused" } };
  expect(await send(`${json(web)}network: public`)).toMatchObject(refused);
  expect(await send(`origin: http://localhost:${web.port}\nnetwork: public`)).toMatchObject(refused);
  expect(await send(`origin: http://localhost:${web.port}\nnetwork: private`)).toMatchObject(refused);
  expect(await send(`origin: http://[::ffff:7f00:1]:${web.port}\nnetwork: public`)).toMatchObject(refused);
  expect(await send("origin: http://169.254.169.254\nnetwork: public")).toMatchObject(refused);
  expect(await send("origin: http://[64:ff9b::7f00:1]\nnetwork: public")).toMatchObject(refused);
  expect(web.seen).toEqual([]);
  // The address itself says where it lies, and the person who approves it sees that.
  expect(http.reach?.({ origin: web.origin })).toMatchObject({ with: ["network: loopback"] });
  expect(await send(json(web))).toMatchObject({ output: { body: "inside" } });
});

scenario("workflows", "Redirects stay on their host", async () => {
  await using other = await serve((_request, answer) => answer.end("elsewhere"));
  await using web = await serve((request, answer) => {
    const to = request.url === "/out" ? other.origin : request.url === "/loop" ? "/loop" : "/end";
    if (request.url === "/end") answer.end("arrived");
    else answer.writeHead(request.method === "POST" ? 308 : 302, { location: to }).end();
  });
  expect(await send(`${json(web)}path: /in`)).toMatchObject({ output: { body: "arrived" } });
  const refused = { state: "failed", error: { kind: "refused", message: expect.stringMatching(/redirect/) as string } };
  expect(await send(`${json(web)}path: /out`)).toMatchObject(refused);
  expect(await send(`${json(web)}path: /loop`)).toMatchObject(refused);
  expect(await send(`${json(web)}path: /in\nmethod: POST\nbody: once`)).toMatchObject(refused);
  expect(other.seen).toEqual([]);
});

scenario(
  "workflows",
  "A host that does not play by the rules",
  async () => {
    await using web = await serve((request, answer) => {
      const ways: Record<string, () => void> = {
        "/hang": () => answer.writeHead(200).write("a"),
        "/silent": () => {},
        "/flood": () => {
          const more = () => {
            while (!answer.destroyed && answer.write("x".repeat(65_536)));
          };
          answer.on("drain", more);
          more();
        },
        "/events": () => {
          answer.writeHead(200, { "content-type": "text/event-stream" });
          const timer = setInterval(() => answer.write(`data: ${"x".repeat(20_000)}\n\n`), 1);
          answer.on("close", () => clearInterval(timer));
        },
        "/binary": () => void answer.end(Buffer.from([0xff, 0xfe, 0, 1])),
        "/notjson": () => void answer.writeHead(200, { "content-type": "application/json" }).end("{"),
        "/gzip": () => void answer.writeHead(200, { "content-encoding": "gzip" }).end("x"),
        "/busy": () => void answer.writeHead(429).end("later"),
        "/gone": () => void answer.writeHead(404).end("nothing here"),
        "/down": () => void answer.writeHead(500).end(),
        "/cut": () =>
          void answer.writeHead(200, { "content-length": "10" }).write("abc", () => request.socket.destroy()),
      };
      ways[request.url ?? ""]?.();
    });
    const kinds: Record<string, string> = {
      "/hang": "timeout",
      "/silent": "timeout",
      "/flood": "refused",
      "/events": "refused",
      "/binary": "bad_output",

      "/notjson": "bad_output",
      "/gzip": "refused",
      "/busy": "overload",
      "/gone": "refused",
      "/down": "unavailable",
      "/cut": "unavailable",
    };
    for (const [path, kind] of Object.entries(kinds)) {
      const ended = await send(`${json(web)}path: ${path}\nmax_kb: 64\ntimeout: 400ms`);
      expect([path, ended.state, ended.error?.kind]).toEqual([path, "failed", kind]);
    }
    expect(await send(`${json(web)}path: /gone\nallow_failure: true`)).toMatchObject({ output: { status: 404 } });
    const garbage = createServer((socket) => void socket.end("SSH-2.0-x\r\n"));
    garbage.listen(0, "127.0.0.1");
    await once(garbage, "listening");
    const { port } = garbage.address() as AddressInfo;
    expect(await send(`origin: http://127.0.0.1:${port}`)).toMatchObject({ error: { kind: "unavailable" } });
    garbage.close();
    expect(await send(`origin: http://127.0.0.1:${port}`)).toMatchObject({ error: { kind: "unavailable" } });
  },
  60_000,
);

describe("after a crash", () => {
  test("what changes nothing is asked again, what may have changed something is asked about", () => {
    const onCrash = (method: string) =>
      planOf(`name: x\nnodes:\n  a: { type: http, origin: "https://example.org"${method} }\n`).nodes[0]!.onCrash;
    expect(onCrash("")).toBe("retry");
    expect(onCrash(", method: HEAD")).toBe("retry");
    expect(onCrash(", method: POST, body: x")).toBe("ask");
    expect(onCrash(", method: DELETE, on_crash: retry")).toBe("retry");
  });

  test("the same request has the same key in each attempt and another one after a failure", async () => {
    let calls = 0;
    await using web = await serve((_request, answer) => void answer.writeHead(++calls < 3 ? 503 : 200).end());
    await using house = await openHouse({ types: [http as NodeType] });
    const text = `name: x\nnodes:\n  a: { type: http, origin: "${web.origin}", method: POST, body: x, retry: { max: 3, delay: 10ms } }\n`;
    const id = await begin(house, planOf(text));
    expect((await house.engine.waitFor(id, 20_000)).state).toBe("succeeded");
    const keys = web.seen.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toEqual([0, 1, 2].map((round) => `"${id}/a/${round}"`));
  });
});
