import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const INDEX = new URL("../../../src/index.ts", import.meta.url).href;
const HANDLERS =
  'data:text/javascript,export default { opened: (connection) => connection.send(process.env["WS_NO_BUFFER_UTIL"]) }';

/** Serves in a process of its own, greets a client, ends, and says what it has loaded. */
const PROGRAM = `
  import { serve } from ${JSON.stringify(INDEX)};
  const server = await serve({
    port: 0,
    workers: 1,
    handlers: new URL(${JSON.stringify(HANDLERS)}),
    origins: "any",
  });
  const client = new WebSocket("ws://127.0.0.1:" + server.address.port);
  const greeting = await new Promise((resolve) => {
    client.onmessage = ({ data }) => resolve(data);
  });
  const { sharedObjects } = process.report.getReport();
  await server.shutdown();
  console.log(JSON.stringify({
    greeting,
    addons: sharedObjects.filter((each) => each.endsWith(".node")),
  }));
`;

/**
 * A thread that is ended while it loads one aborts the process: `bufferutil`
 * did, in one of some hundred restarts on a busy machine. No test can aim at
 * those microseconds; that there is none to load can be seen.
 */
it("no thread of a server loads a native add-on of ours or of ws", async () => {
  const { stdout } = await run(process.execPath, [
    "--input-type=module",
    "--eval",
    PROGRAM,
  ]);
  expect(JSON.parse(stdout)).toEqual({ greeting: "1", addons: [] });
});
