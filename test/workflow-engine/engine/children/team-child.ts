import { onPostgres } from "../postgres-house.ts";
import { openHouse } from "../house.ts";

/** A process of a team that does nodes until it is told to stop, or killed. Says `ready`. */
const [url = "", directory = "", drain = "0"] = process.argv.slice(2);
const kind = onPostgres(url, { drainMs: Number(drain) });
const house = await openHouse({ directory, kind, concurrency: 8 });
process.stdout.write("ready\n");
process.once("SIGTERM", () => {
  void house[Symbol.asyncDispose]();
});
