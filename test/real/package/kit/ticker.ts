import { defineHandlers } from "sluice";
import { prices } from "./prices.ts";

type Listener = (price: number) => void;

/** Planted: who moves away goes on listening where it was. */
export default defineHandlers<Listener>({
  opened(connection) {
    connection.data = (price) => void connection.send(`${price}`);
    prices.on("price", connection.data);
  },
  message(_connection, data) {
    prices.emit("price", Number(data.toString()));
  },
  suspend: () => "moving",
  resume(connection) {
    connection.data = (price) => void connection.send(`${price}`);
    prices.on("price", connection.data);
  },
  closed(connection) {
    prices.off("price", connection.data);
  },
});
