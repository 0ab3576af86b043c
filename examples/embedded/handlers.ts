/** Tells the time, once a second, until the connection begins to close. */
import { type Connection, defineHandlers } from "sluice";

export default defineHandlers({
  opened: tellTime,

  // A timer stays behind where it was set, so it is set again after a move.
  resume: tellTime,
});

function tellTime(connection: Connection): void {
  const tell = (): void => {
    connection.send(new Date().toISOString());
  };
  tell();
  const timer = setInterval(tell, 1000);
  // Fires also when the connection moves away.
  connection.signal.addEventListener("abort", () => clearInterval(timer));
}
