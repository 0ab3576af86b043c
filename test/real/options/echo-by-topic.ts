import { BroadcastChannel } from "node:worker_threads";
import { defineHandlers } from "../../../src/index.ts";

/** Where threads say what Node warns them of. */
export const WARNINGS = "warnings-of-extremes";

/** Echoes twice: to whoever spoke, and by a topic that it subscribes to. */
export default defineHandlers({
  started() {
    process.on("warning", (warning) => {
      const channel = new BroadcastChannel(WARNINGS);
      channel.postMessage(String(warning));
      channel.close();
    });
  },
  message(connection, data, isBinary) {
    connection.send(data, isBinary);
    connection.subscribe("t");
    connection.publish("t", data, { includeSelf: true, isBinary });
  },
  resume() {},
});
