import { defineHandlers, type HandlerShard } from "sluice";

let shard: HandlerShard;

/** A room for those who say who they are: `ws://127.0.0.1:8080/?name=ann` */
export default defineHandlers<{ name: string }>({
  // Once on each core, before its first connection.
  started(here) {
    shard = here;
  },
  // Before the upgrade. May be async: ask your session store here.
  authorize({ url }) {
    const name = new URL(url, "ws://host").searchParams.get("name");
    if (name === null) return { accept: false, status: 401 };
    return { accept: true, data: { name } };
  },
  opened(connection) {
    connection.subscribe("room");
  },
  // It has moved here, from another core or process: `data` and topics came along.
  resume() {},
  // Reaches everyone in the room, on whatever core they are, who said it too.
  message(connection, data) {
    const said = `${connection.data.name}: ${data.toString()}`;
    connection.publish("room", said, { includeSelf: true });
  },
  // A shutdown has come to this connection: say a last word.
  draining(connection) {
    connection.send("The server restarts, see you in a moment.");
  },
  // It has ended, and this is how: clean, lost, …
  closed(connection, { outcome }) {
    shard.publish("room", `${connection.data.name} is gone (${outcome})`);
  },
});
