/** An echo service whose connections can move. */
import { defineHandlers } from "../../src/index.ts";

export default defineHandlers({
  message(connection, data, isBinary) {
    connection.send(data, isBinary);
  },
});
