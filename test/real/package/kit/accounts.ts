import { defineHandlers } from "sluice";
import { pay } from "./database.ts";

export default defineHandlers({
  async message(connection, data) {
    const text = data.toString();
    if (text === "nonsense") {
      connection.send("what?");
      return;
    }
    connection.send(await pay(text));
  },
});
