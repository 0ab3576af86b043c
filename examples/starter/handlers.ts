import { defineHandlers } from "sluice";

/** Those on the same path hear each other: `ws://127.0.0.1:8080/lobby` */
export default defineHandlers({
  opened(connection) {
    connection.subscribe(connection.request.path);
  },

  // The topics of a connection that has moved have come along.
  resume() {},

  message(connection, data, isBinary) {
    const options = { isBinary, includeSelf: true };
    connection.publish(connection.request.path, data, options);
  },
});
