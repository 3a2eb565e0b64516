import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request as send } from "node:http";
import { join, resolve } from "node:path";
import { repositoryWithOwnOpenspec } from "../helpers/repository.ts";

const main = resolve(import.meta.dirname, "../../src/main.ts");

/** A real daemon process over a repository, seen through a front that adds its token, which the suite cannot send. */
export async function openProduct(): Promise<AsyncDisposable & { url: string }> {
  const repository = await repositoryWithOwnOpenspec();
  const args = [main, "up", "--repo", repository.path];
  const env = { PATH: process.env["PATH"] ?? "", HOME: repository.path, SPECLOOP_PORT: "0" };
  const daemon = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  const state = (file: string) => join(repository.path, ".specloop", file);
  while (!existsSync(state("daemon.json")) && daemon.exitCode === null)
    await new Promise((next) => setTimeout(next, 25));
  const { port } = JSON.parse(readFileSync(state("daemon.json"), "utf8")) as { port: number };
  const front = createFront(port, readFileSync(state("token"), "utf8").trim());
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const address = front.address() as { port: number };
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    [Symbol.asyncDispose]: async () => {
      front.closeAllConnections();
      front.close();
      daemon.kill("SIGTERM");
      if (daemon.exitCode === null) await once(daemon, "exit");
      await repository[Symbol.asyncDispose]();
    },
  };
}

/** Passes everything on byte for byte, but for the token and its own port in Host and Origin. */
function createFront(port: number, token: string) {
  const front = createServer((request, response) => {
    const own = (front.address() as { port: number }).port;
    const headers: IncomingHttpHeaders = { ...request.headers, authorization: `Bearer ${token}` };
    for (const name of ["host", "origin"] as const) {
      const value = headers[name];
      if (value !== undefined) headers[name] = value.replace(new RegExp(`:${own}$`), `:${port}`);
    }
    const { method, url: path } = request;
    const onward = send({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  return front;
}
