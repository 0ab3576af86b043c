/**
 * A client that comes back when it is asked to, and not before.
 *
 *     npx node examples/client/main.ts ws://127.0.0.1:8080/echo
 *
 * It sends the lines that are typed; what is typed while it is away goes out
 * when it is back.
 */
import { createInterface } from "node:readline";
// In a project of yours: from "sluice/client".
import { connect } from "../../src/client/index.ts";

const client = connect<string>(process.argv[2] ?? "ws://127.0.0.1:8080/echo");
client.addEventListener("open", () =>
  console.log("connected; lines that you type are sent"),
);
client.addEventListener("message", ({ data }) => console.log(data));
client.addEventListener("interrupted", ({ code, backInMs }) =>
  console.log(`closed with ${code}; back in ${backInMs} ms`),
);
client.addEventListener("close", () => process.exit());

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void client.send(line));
lines.on("close", () => client.close());
