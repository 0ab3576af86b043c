import { defineHandlers } from "../../../src/index.ts";

/** An echo whose connections can change threads: `resume` says that nothing of them is left behind. */
export default defineHandlers({
  message(connection, data, isBinary) {
    connection.send(data, isBinary);
  },
  resume() {},
});
