/** A debugger, in a thread of its own: it stops the other one in `accounts.ts`. */
import { readFileSync } from "node:fs";
import { type Debugger, Session } from "node:inspector/promises";
import { parentPort } from "node:worker_threads";

const handlers = new URL("accounts.ts", import.meta.url);
const lines = readFileSync(handlers, "utf8").split("\n");
// It stays for as long as the other one wants it.
parentPort?.on("message", () => {});
const session = new Session();
session.connectToMainThread();
session.on("Debugger.paused", ({ params }) => void look(params));

async function look({
  callFrames: [frame],
}: Debugger.PausedEventDataType): Promise<void> {
  const { result } = await session.post("Debugger.evaluateOnCallFrame", {
    callFrameId: frame?.callFrameId ?? "",
    expression: "text",
  });
  await session.post("Debugger.resume");
  parentPort?.postMessage(result.value);
}

await session.post("Debugger.enable");
await session.post("Debugger.setBreakpointByUrl", {
  url: handlers.href,
  lineNumber: lines.findIndex((line) => line.includes("what?")),
});
parentPort?.postMessage("ready");
