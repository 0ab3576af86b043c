import { defineHandlers } from "../handlers.ts";

function isChat(path: string): boolean {
  return path === "/chat" || path.startsWith("/chat/");
}

/** What is served without a handlers module: `/echo` echoes, `/chat/<room>` relays to everyone in the room, on whatever shard or instance. */
export default defineHandlers({
  authorize({ path }) {
    if (path === "/echo" || isChat(path)) return { accept: true };
    return {
      accept: false,
      status: 404,
      body: "There is nothing at this path: try /echo or /chat.\n",
    };
  },

  opened(connection) {
    const { path } = connection.request;
    if (isChat(path)) connection.subscribe(path);
  },

  // After a move: the subscription has come along, and there is nothing else.
  resume() {},

  message(connection, data, isBinary) {
    const { path } = connection.request;
    if (isChat(path))
      connection.publish(path, data, { isBinary, includeSelf: true });
    else connection.send(data, isBinary);
  },
});
