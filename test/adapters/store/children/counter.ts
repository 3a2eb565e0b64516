import { openSqliteStore } from "../../../../src/adapters/store/index.ts";

/** Adds one to a counter `count` times, each time by reading it and writing what it read plus one. */
const [path = "", count = "0"] = process.argv.slice(2);

interface Tables {
  counter: { id: number; value: number };
}

await using store = openSqliteStore(path, "full").as<Tables>();
await store.write(async (tx) => {
  await tx.schema
    .createTable("counter")
    .ifNotExists()
    .addColumn("id", "integer", (column) => column.primaryKey())
    .addColumn("value", "bigint")
    .execute();
  await tx
    .insertInto("counter")
    .values({ id: 1, value: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
});
for (let done = 0; done < Number(count); done++) {
  await store.write(async (tx) => {
    const { value } = await tx.selectFrom("counter").select("value").executeTakeFirstOrThrow();
    await tx
      .updateTable("counter")
      .set({ value: value + 1 })
      .execute();
  });
}
