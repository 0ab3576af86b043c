import { defineHandlers } from "sluice";

interface Seen {
  readonly path: string;
  count: number;
}

/** Planted: how many messages have come is left behind when the connection moves. */
export default defineHandlers<Seen>({
  opened(connection) {
    connection.data = { path: connection.request.path, count: 0 };
  },
  message(connection) {
    connection.send(`message ${++connection.data.count}`);
  },
  suspend: ({ data }) => ({ path: data.path }),
  resume(connection, state) {
    connection.data = { ...(state as { path: string }), count: 0 };
  },
});
