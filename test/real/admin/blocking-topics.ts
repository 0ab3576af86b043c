import { defineHandlers } from "../../../src/index.ts";

const BLOCKED_MS = 3_000;

/** Everyone is in one room; who says anything blocks its thread, a moment after it was told so. */
export default defineHandlers({
  opened(connection) {
    connection.subscribe("room");
  },

  message(connection) {
    connection.send("now");
    setImmediate(() => {
      const until = performance.now() + BLOCKED_MS;
      while (performance.now() < until);
    });
  },
});
