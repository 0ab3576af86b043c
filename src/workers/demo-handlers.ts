import { type Connection, defineHandlers } from "../handlers.ts";

const rooms = new Map<string, Set<Connection>>();

function isChat(path: string): boolean {
  return path === "/chat" || path.startsWith("/chat/");
}

/** What is served without a handlers module: `/echo` echoes, `/chat` relays to everyone on the same shard. */
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
    if (!isChat(path)) return;
    const room = rooms.get(path) ?? new Set();
    rooms.set(path, room.add(connection));
  },

  message(connection, data, isBinary) {
    const room = rooms.get(connection.request.path);
    if (room === undefined) connection.send(data, isBinary);
    else for (const member of room) member.send(data, isBinary);
  },

  closed(connection) {
    const { path } = connection.request;
    const room = rooms.get(path);
    room?.delete(connection);
    if (room?.size === 0) rooms.delete(path);
  },
});
