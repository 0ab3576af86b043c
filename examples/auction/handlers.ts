/**
 * An auction whose bidders are state machines.
 *
 *     npm start -- examples/auction/handlers.ts
 *
 * Bidders connect to `/lot/7`, and send `{ "type": "bid", "amount": 5 }` or
 * `{ "type": "leave" }`. The inspector draws the machine and shows who is where.
 */
import { machineHandlers } from "sluice";
import { auctionMachine, type Said } from "./machine.ts";

export default machineHandlers(auctionMachine, {
  authorize: ({ path }) =>
    /^\/lot\/\d+$/.test(path)
      ? { accept: true }
      : { accept: false, status: 404 },

  input: ({ request }) => ({ lot: request.path }),

  // What is no JSON is refused as well: `JSON.parse` says so.
  decode(data): Said | undefined {
    const said: unknown = JSON.parse(data.toString());
    return isSaid(said) ? said : undefined;
  },
});

function isSaid(value: unknown): value is Said {
  if (typeof value !== "object" || value === null || !("type" in value))
    return false;
  if (value.type === "leave") return true;
  return (
    value.type === "bid" &&
    "amount" in value &&
    Number.isSafeInteger(value.amount)
  );
}
