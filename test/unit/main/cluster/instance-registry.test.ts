import { expect, it } from "vitest";
import { Bucket } from "../../../../src/main/cluster/bucket.ts";
import { InstanceRegistry } from "../../../../src/main/cluster/instance-registry.ts";
import type {
  KV,
  KvEntry,
  NatsConnection,
} from "../../../../src/main/cluster/nats-client.ts";
import { INSTANCE } from "./instance-entry.ts";

/** A registry whose servers list these keys, of which each has an entry. */
function registryThatLists(...ids: string[]): InstanceRegistry {
  const kv: Partial<KV> = {
    // oxlint-disable-next-line require-await -- the client's is asynchronous
    keys: async () =>
      (async function* () {
        yield* ids.map((id) => `instance.${id}`);
      })(),
    get: (key: string) =>
      Promise.resolve({
        key,
        value: Buffer.from(
          JSON.stringify({ ...INSTANCE, id: key.slice("instance.".length) }),
        ),
        operation: "PUT",
      } as unknown as KvEntry),
  };
  const bucket = new Bucket(
    () => ({
      create: () => Promise.resolve(kv as KV),
      open: () => Promise.resolve(kv as KV),
    }),
    "test",
    200,
  );
  bucket.use({} as NatsConnection);
  return new InstanceRegistry(bucket, "host-1-abc", () => {});
}

it("lists an instance once, though its entry was renewed while the keys were listed", async () => {
  const registry = registryThatLists("two", "one", "two");
  expect((await registry.list()).map(({ id }) => id)).toEqual(["one", "two"]);
});
