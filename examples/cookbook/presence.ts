import { defineHandlers, type HandlerShard } from "sluice";

let shard: HandlerShard;

/** Who came or went, and how many are here: told to all, on whatever core they are. */
async function tell(room: string, what: string): Promise<void> {
  const { cluster } = await shard.subscribers(room);
  shard.publish(room, `${what}, ${cluster} here`);
}

export default defineHandlers({
  started(here) {
    shard = here;
  },
  async opened(connection) {
    connection.subscribe(connection.request.path);
    await tell(connection.request.path, `${connection.id} came`);
  },
  resume() {},
  async closed(connection) {
    await tell(connection.request.path, `${connection.id} went`);
  },
});
