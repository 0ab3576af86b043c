import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { setImmediate as soon } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Call } from "../../../src/admin/call.ts";
import { Streams } from "../../../src/admin/streams.ts";

describe("an event stream", () => {
  it("takes nothing more once it was ended, though its reader has not read the end", async () => {
    const request = new IncomingMessage(new Socket());
    const response = new ServerResponse(request);
    const errors: Error[] = [];
    response.on("error", (error) => errors.push(error));
    const streams = new Streams();
    const stream = streams.open(new Call(request, response), () => {});
    stream.send("happening", "1", true);
    streams.endAll();
    stream.send("happening", "2", true);
    await soon();
    expect(errors).toEqual([]);
    expect(response.closed).toBe(false);
  });
});
