import { describe, expect, it } from "vitest";
import { Inbox } from "../../../../src/workers/connection/inbox.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

describe("the inbox", () => {
  it("has not settled before what handlers have sent is compressed", () => {
    const compressor = { isIdle: false };
    const connection = Object.assign(new FakeConnection(1), { compressor });
    const inbox = new Inbox(connection.asLive);
    inbox.settle();
    expect(connection.told).toEqual([]);
    compressor.isIdle = true;
    inbox.settle();
    expect(connection.told).toEqual(["handlers.settled"]);
  });
});
