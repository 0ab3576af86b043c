import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import { AdminClient } from "../../../src/cli/admin-client.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const server = createServer();

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe("the client of the admin listener", () => {
  it("hears a stream of events that it begins to read only later", async () => {
    const asked = once(server, "request");
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const client = new AdminClient(`http://127.0.0.1:${port}`, undefined);
    const subscribed = client.events("/api/events");
    const [, response] = (await asked) as [unknown, ServerResponse];
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.flushHeaders();
    const events = await subscribed;
    // The answer that nobody holds goes, and what cancels its body comes in a later turn.
    for (let round = 0; round < 10; round++) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end('event: status\ndata: {"report":1}\n\n');
    const heard: unknown[] = [];
    for await (const event of events) heard.push(event);
    expect(heard).toEqual([{ event: "status", data: { report: 1 } }]);
  });
});
