import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { simulate } from "sluice/testing";

const pay = mock.fn(async (what: string) => `mocked ${what}`);
mock.module(new URL("database.ts", import.meta.url).href, {
  namedExports: { pay },
});

it("has its database mocked, in an instance for each shard", async () => {
  const handlers = new URL("accounts.ts", import.meta.url);
  await simulate({ handlers, shards: 3 }, async ({ open }) => {
    const clients = [await open("/"), await open("/"), await open("/")];
    for (const client of clients) {
      client.send("ten");
      assert.equal(await client.next(), "mocked ten");
    }
    assert.equal(pay.mock.callCount(), 3);
  });
});
