import { defineHandlers } from "sluice";

export default defineHandlers({
  message(connection, data, isBinary) {
    connection.send(data, isBinary);
  },
});
