/**
 * A client that comes back when it is asked to, and not before.
 *
 *     npx node examples/client/main.ts ws://127.0.0.1:8080/echo
 *
 * It needs nothing but the WebSocket of browsers and of Node, and sends the
 * lines that are typed.
 */
import { createInterface } from "node:readline";

const FIRST_BACK_OFF_MS = 200;
const LONGEST_BACK_OFF_MS = 10_000;

const url = process.argv[2] ?? "ws://127.0.0.1:8080/echo";
let failures = 0;
let socket = connect();

function connect(): WebSocket {
  const next = new WebSocket(url);
  next.addEventListener("open", () => {
    failures = 0;
    console.log("connected");
  });
  next.addEventListener("message", ({ data }) => console.log(String(data)));
  next.addEventListener("close", ({ code, reason }) => {
    const waitMs = retryAfterMs(reason) ?? backOffMs();
    console.log(`closed with ${code}; back in ${Math.round(waitMs)} ms`);
    setTimeout(() => (socket = connect()), waitMs);
  });
  return next;
}

/** The time that Sluice gives each client in the close reason, if it was Sluice that closed. */
function retryAfterMs(reason: string): number | undefined {
  const [, milliseconds] = /^retry-after-ms=(\d+)$/.exec(reason) ?? [];
  return milliseconds === undefined ? undefined : Number(milliseconds);
}

/** Without an appointment: longer after each failure, and never all at the same time. */
function backOffMs(): number {
  const ceiling = Math.min(
    LONGEST_BACK_OFF_MS,
    FIRST_BACK_OFF_MS * 2 ** failures++,
  );
  return ceiling * (0.5 + Math.random() / 2);
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  if (socket.readyState === WebSocket.OPEN) socket.send(line);
});
lines.on("close", () => process.exit());
