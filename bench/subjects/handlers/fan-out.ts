/** One-to-many: a message from anyone goes to everyone, on every shard. */
import { defineHandlers } from "../../../src/index.ts";
import { collectFor } from "./collect.ts";

const topic = "everyone";

export default defineHandlers({
  opened(connection) {
    if (!collectFor(connection)) connection.subscribe(topic);
  },
  message(connection, data, isBinary) {
    connection.publish(topic, data, { isBinary, includeSelf: true });
  },
});
