import { describe, expect, expectTypeOf, it, vi } from "vitest";
import { connect, type Incoming } from "../../../src/client/index.ts";
import { FakeSocket } from "./fake-socket.ts";
import {
  asked,
  start,
  startOpen,
  uncaught,
  URL_GIVEN,
  usePlay,
  WebSocketClass,
} from "./play.ts";

usePlay();

describe("what the application's own code throws", () => {
  it("in `isFinal` is reported, and the client comes back all the same", async () => {
    const { client } = await startOpen({
      isFinal: () => {
        throw new Error("isFinal's own");
      },
    });
    const error = await uncaught(() => FakeSocket.last.ends(4001));
    expect(error).toEqual(new Error("isFinal's own"));
    expect(client.state).toBe("waiting.backingOff");
    client.close();
  });

  it("in `probe` is reported, and no answer to it is one", async () => {
    const { client } = await startOpen({
      probe: () => {
        throw new Error("probe's own");
      },
      quietMs: 10,
    });
    const error = await uncaught(() => vi.advanceTimersByTime(10));
    expect(error).toEqual(new Error("probe's own"));
    expect(client.state).toBe("open.probing");
    client.close();
    expect(client.state).toBe("closing");
    FakeSocket.last.ends(1000);
  });

  it("in `address`, without a promise, is a failed attempt", async () => {
    const { told } = await start({
      address: () => {
        throw new Error("no token");
      },
    });
    expect(told).toEqual([["interrupted", 1006, "Error: no token", 250]]);
  });

  it("is no address, is a failed attempt, too", async () => {
    const { told } = await start({ address: () => "mailto:someone" });
    expect(told).toEqual([
      [
        "interrupted",
        1006,
        "TypeError: an address begins with ws:, wss:, http: or https:; got mailto:someone",
        250,
      ],
    ]);
  });

  it("because the platform takes no such socket, is a failed attempt with the reason", async () => {
    const { client, told } = await start({
      WebSocket: function Refusing() {
        throw new SyntaxError("no such subprotocol");
      } as never,
    });
    expect(told).toEqual([
      ["interrupted", 1006, "SyntaxError: no such subprotocol", 250],
    ]);
    expect(client.state).toBe("waiting.backingOff");
  });
});

describe("what is sent", () => {
  it("is what it was then, whatever its owner writes there later", async () => {
    const { client } = await start();
    const memory = Uint8Array.of(1, 2, 3, 4);
    void client.send(memory.subarray(1, 3));
    void client.send(memory.buffer);
    memory.fill(9);
    FakeSocket.last.opens();
    expect(
      FakeSocket.last.sent.map((each) => [
        ...new Uint8Array(each as ArrayBuffer),
      ]),
    ).toEqual([
      [2, 3],
      [1, 2, 3, 4],
    ]);
  });

  it("and is none of what a socket takes is refused, and keeps the others from nothing", async () => {
    const { client } = await start();
    const send = vi
      .spyOn(FakeSocket.prototype, "send")
      .mockImplementationOnce(() => {
        throw new TypeError("shared memory");
      });
    const fates = [client.send("a"), client.send("b")];
    FakeSocket.last.opens();
    expect(await Promise.all(fates)).toEqual(["refused", "uncertain"]);
    expect(client.state).toBe("open.healthy");
    send.mockImplementationOnce(() => {
      throw new TypeError("shared memory");
    });
    expect(await client.send("c")).toBe("refused");
  });

  it("while it is closing, or closed, is refused", async () => {
    const { client } = await startOpen();
    client.close();
    expect(await client.send("a")).toBe("refused");
    FakeSocket.last.ends(1000);
    expect(await client.send("b")).toBe("refused");
    expect(FakeSocket.last.sent).toEqual([]);
  });

  it("in a listener of `interrupted` waits, and in one of `close` is refused", async () => {
    const { client } = await startOpen();
    const fates: Promise<string>[] = [];
    client.addEventListener("interrupted", () => fates.push(client.send("a")));
    client.addEventListener("close", () => fates.push(client.send("b")));
    FakeSocket.last.ends();
    await vi.advanceTimersByTimeAsync(250);
    FakeSocket.last.opens();
    expect(FakeSocket.last.sent).toEqual(["a"]);
    client.close();
    FakeSocket.last.ends(1000);
    expect(await Promise.all(fates)).toEqual(["uncertain", "refused"]);
  });
});

describe("a client as a WebSocket", () => {
  it("has its members, while there is a connection and while there is none", async () => {
    const { client } = await start({ address: () => "/one" });
    const seen = (): unknown[] => [
      client.readyState,
      client.url,
      client.protocol,
      client.extensions,
    ];
    FakeSocket.last.opens("chat");
    const open = [1, "ws://example.org/one", "chat", "permessage-deflate"];
    expect(seen()).toEqual(open);
    FakeSocket.last.bufferedAmount = 7;
    expect(client.bufferedAmount).toBe(7);
    FakeSocket.last.ends();
    expect(seen()).toEqual([0, "ws://example.org/one", "", ""]);
    expect(client.bufferedAmount).toBe(0);
    client.close();
    expect(client.readyState).toBe(3);
  });

  it("refuses a reason that no close frame has room for", async () => {
    const { client } = await startOpen();
    expect(() => client.close(1000, "ä".repeat(62))).toThrow(
      "close(): a reason has at most 123 bytes",
    );
    client.close(1000, `${"ä".repeat(61)}!`);
    expect(FakeSocket.last.closedWith).toHaveLength(1);
  });

  it("that is aborted before it begins asks nobody, and tells its end", async () => {
    const address = vi.fn<() => string>();
    const client = connect(URL_GIVEN, {
      WebSocket: WebSocketClass,
      signal: AbortSignal.abort(),
      address,
    });
    const close = vi.fn<() => void>();
    client.addEventListener("close", close);
    await asked();
    expect(close).toHaveBeenCalledOnce();
    expect(address).not.toHaveBeenCalled();
    expect(FakeSocket.made).toEqual([]);
  });

  it("gives all its messages to each loop, and stops listening for one that is left", async () => {
    const { client } = await startOpen();
    const heard: unknown[][] = [[], []];
    const first = (async () => {
      for await (const message of client) {
        heard[0]?.push(message);
        break;
      }
    })();
    const second = (async () => {
      for await (const message of client) heard[1]?.push(message);
    })();
    await asked();
    FakeSocket.last.hears("a");
    FakeSocket.last.hears("b");
    await first;
    client.close();
    FakeSocket.last.ends(1000);
    await second;
    expect(heard).toEqual([["a"], ["a", "b"]]);
    // Of a client that is closed there are none.
    for await (const message of client) heard[0]?.push(message);
    expect(heard[0]).toEqual(["a"]);
  });

  it("has the type of its messages where it says so", () => {
    const typed = connect<"yes" | "no">(URL_GIVEN, {
      WebSocket: WebSocketClass,
    });
    typed.addEventListener("message", ({ data }) =>
      expectTypeOf(data).toEqualTypeOf<"yes" | "no">(),
    );
    expectTypeOf(typed).toExtend<AsyncIterable<"yes" | "no">>();
    const plain = connect(URL_GIVEN, { WebSocket: WebSocketClass });
    plain.addEventListener("message", ({ data }) =>
      expectTypeOf(data).toEqualTypeOf<Incoming>(),
    );
    for (const client of [typed, plain]) client.close();
    expect(FakeSocket.made).toEqual([]);
  });
});
