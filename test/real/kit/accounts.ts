import { setTimeout as after } from "node:timers/promises";
import { defineHandlers } from "../../../src/handlers.ts";

const SLOW_MS = 100;

/** Pays after a while; `throw` fails, `news` is published, and what somebody has paid moves with it. */
export default defineHandlers<{ paid: number }>({
  opened(connection) {
    connection.data = { paid: 0 };
    connection.subscribe("news");
  },
  suspend: ({ data }) => data,
  resume(connection, state) {
    connection.data = state as { paid: number };
  },
  async message(connection, data) {
    const text = data.toString();
    if (text === "throw") throw new Error("no such account");
    if (text === "news") {
      connection.publish("news", `news from ${connection.request.path}`);
      return;
    }
    await after(SLOW_MS);
    connection.data.paid += Number(text);
    connection.send(`paid ${connection.data.paid}`);
  },
});
