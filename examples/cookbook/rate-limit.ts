import { defineHandlers } from "sluice";

const PER_SECOND = 2;
const AT_ONCE = 5;

/** What a connection may still do: it refills, up to a bound. */
interface Allowance {
  left: number;
  at: number;
}

export default defineHandlers<Allowance>({
  authorize: () => ({ accept: true, data: { left: AT_ONCE, at: Date.now() } }),
  message(connection, data) {
    const { left, at } = connection.data;
    const now = Date.now();
    const refilled = left + ((now - at) / 1000) * PER_SECOND;
    const allowed = Math.min(AT_ONCE, refilled);
    // It is plain data, and so moves with the connection.
    connection.data = { left: Math.max(0, allowed - 1), at: now };
    if (allowed < 1) connection.send("slower, please");
    else connection.send(`done: ${data.toString()}`);
  },
});
