/**
 * The smallest service: it sends back what comes.
 *
 *     npm start -- examples/echo/handlers.ts
 */
import { defineHandlers } from "sluice";

export default defineHandlers({
  message(connection, data, isBinary) {
    connection.send(data, isBinary);
  },
});
