/** Tells the time, once a second, until the connection begins to close. */
import { defineHandlers } from "sluice";

export default defineHandlers({
  opened(connection) {
    const tell = (): void => {
      connection.send(new Date().toISOString());
    };
    tell();
    const timer = setInterval(tell, 1000);
    connection.signal.addEventListener("abort", () => clearInterval(timer));
  },
});
