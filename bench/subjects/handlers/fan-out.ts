/** One-to-many on one shard: a message from anyone goes to everyone. */
import { defineHandlers, type Connection } from "../../../src/index.ts";
import { collectFor } from "./collect.ts";

const connections = new Set<Connection>();

export default defineHandlers({
  opened(connection) {
    if (!collectFor(connection)) connections.add(connection);
  },
  message(_connection, data, isBinary) {
    for (const receiver of connections) receiver.send(data, isBinary);
  },
  closed(connection) {
    connections.delete(connection);
  },
});
