import { setTimeout as after } from "node:timers/promises";
import { defineHandlers } from "sluice";

/** Planted: nobody waits for the answer, a shutdown least of all. */
export default defineHandlers({
  message(connection, data) {
    void after(200).then(() => {
      connection.send(`sold ${data.toString()}`);
    });
  },
});
