/** The benchmark's echo service. */
import { defineHandlers } from "../../../src/index.ts";
import { collectFor } from "./collect.ts";

export default defineHandlers({
  opened(connection) {
    collectFor(connection);
  },
  message(connection, data, isBinary) {
    connection.send(data, isBinary);
  },
});
