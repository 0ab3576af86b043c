import { describe, expect, it, vi } from "vitest";
import { connect } from "../../../src/client/index.ts";
import { FakeSocket } from "./fake-socket.ts";
import {
  asked,
  pageWithEvents,
  start,
  startOpen,
  URL_GIVEN,
  usePlay,
} from "./play.ts";

usePlay();

describe("a client that its server has given an appointment", () => {
  it.each([1001, 1012, 1013])(
    "comes back at that millisecond when it was closed with %d",
    async (code) => {
      const { client, told } = await startOpen();
      FakeSocket.last.ends(code, "retry-after-ms=2500");
      expect(client.state).toBe("waiting.appointed");
      await vi.advanceTimersByTimeAsync(2_499);
      expect(FakeSocket.made).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(FakeSocket.made).toHaveLength(2);
      FakeSocket.last.opens();
      expect(told).toEqual([
        ["open", 1],
        ["interrupted", code, "retry-after-ms=2500", 2_500],
        ["open", 2],
      ]);
    },
  );

  it("is woken, and still comes no earlier", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    const { client } = await startOpen();
    FakeSocket.last.ends(1012, "retry-after-ms=5000");
    await vi.advanceTimersByTimeAsync(2_000);
    wake("focus");
    wake("online");
    expect(client.state).toBe("waiting.appointed");
    await vi.advanceTimersByTimeAsync(2_999);
    expect(FakeSocket.made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("comes at once on waking when its time went by while timers stood still", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    await startOpen();
    FakeSocket.last.ends(1001, "retry-after-ms=60000");
    vi.setSystemTime(Date.now() + 3_600_000);
    wake("focus");
    await asked();
    await asked();
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("keeps it while the network is away", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    const { client } = await startOpen();
    FakeSocket.last.ends(1001, "retry-after-ms=90000");
    wake("offline");
    expect(client.state).toBe("offline");
    wake("online");
    expect(client.state).toBe("waiting.appointed");
    wake("offline");
    await vi.advanceTimersByTimeAsync(89_999);
    expect(FakeSocket.made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("comes earlier only because its user says so", async () => {
    const { client } = await startOpen();
    FakeSocket.last.ends(1012, "retry-after-ms=60000");
    client.reconnect();
    await asked();
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("never comes back when it was told so", async () => {
    const { client, told } = await startOpen();
    FakeSocket.last.ends(1001, "retry-after-ms=never");
    expect(client.state).toBe("closed");
    expect(told.at(-1)).toEqual(["close", 1001, "retry-after-ms=never"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("backs off from then on when nobody is there at its time", async () => {
    const { told } = await startOpen();
    FakeSocket.last.ends(1001, "retry-after-ms=1000");
    await vi.advanceTimersByTimeAsync(1_000);
    FakeSocket.last.ends();
    // Half of the first back-off, as chance has it here.
    expect(told.at(-1)).toEqual(["interrupted", 1006, "", 250]);
  });
});

describe("a client without an appointment", () => {
  it("waits a random part of a time that doubles, up to a limit", async () => {
    const { told } = await start();
    for (let failure = 0; failure < 8; failure++) {
      FakeSocket.last.ends();
      const [, , , backInMs] = told.at(-1) as [string, number, string, number];
      await vi.advanceTimersByTimeAsync(backInMs);
    }
    const waits = told.map((each) => (each as unknown[])[3]);
    expect(waits).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
  });

  it("does not forget its failures for a server that accepts and hangs up", async () => {
    const { told } = await start();
    for (let time = 0; time < 3; time++) {
      FakeSocket.last.opens();
      FakeSocket.last.ends(1011);
      await vi.advanceTimersByTimeAsync(2_000);
    }
    const waits = told.flatMap((each) => {
      const [type, , , backInMs] = each as unknown[];
      return type === "interrupted" ? [backInMs] : [];
    });
    expect(waits).toEqual([250, 500, 1_000]);
    FakeSocket.last.opens();
    await vi.advanceTimersByTimeAsync(5_000);
    FakeSocket.last.ends(1011);
    expect(told.at(-1)).toEqual(["interrupted", 1011, "", 250]);
  });

  it.each([1000, 1005, 1006, 1008, 1011, 4000])(
    "comes back after %d: no code ends it by itself",
    async (code) => {
      await startOpen();
      FakeSocket.last.ends(code);
      await vi.advanceTimersByTimeAsync(500);
      expect(FakeSocket.made).toHaveLength(2);
    },
  );

  it("ends when its user calls a close final", async () => {
    const { client, told } = await startOpen({
      isFinal: ({ code }) => code === 4001,
    });
    FakeSocket.last.ends(4001, "logged out");
    expect(client.readyState).toBe(3);
    expect(told.at(-1)).toEqual(["close", 4001, "logged out"]);
  });

  it("is quiet while there is no network, and asks once a minute all the same", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    await start();
    FakeSocket.last.ends();
    wake("offline");
    await vi.advanceTimersByTimeAsync(59_999);
    expect(FakeSocket.made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("tries at once when the network is back", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    await start();
    FakeSocket.last.ends();
    wake("online");
    await asked();
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("gives an attempt up that is not answered", async () => {
    const { told } = await start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeSocket.last.closedWith).toHaveLength(1);
    expect(told).toEqual([["interrupted", 1006, "", 250]]);
  });
});

describe("the address", () => {
  it("is asked anew before each attempt, with its number", async () => {
    const attempts: number[] = [];
    await start({
      address: ({ attempt }) => {
        attempts.push(attempt);
        return `/room?token=${attempt}`;
      },
    });
    FakeSocket.last.ends();
    await vi.advanceTimersByTimeAsync(500);
    expect(attempts).toEqual([1, 2]);
    expect(FakeSocket.made.map(({ url }) => url)).toEqual([
      "ws://example.org/room?token=1",
      "ws://example.org/room?token=2",
    ]);
  });

  it("comes too late for the attempt that was given up, and is not used", async () => {
    const answers: ((address: string) => void)[] = [];
    const signals: AbortSignal[] = [];
    await start({
      address: ({ signal }) => {
        signals.push(signal);
        return new Promise((resolve) => answers.push(resolve));
      },
    });
    await vi.advanceTimersByTimeAsync(10_250);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    answers[0]?.("/old");
    await asked();
    expect(FakeSocket.made).toHaveLength(0);
    answers[1]?.("/new");
    await asked();
    expect(FakeSocket.made.map(({ url }) => url)).toEqual([
      "ws://example.org/new",
    ]);
  });

  it("that cannot be had is a failed attempt, with the reason", async () => {
    const { told } = await start({
      address: () => Promise.reject(new Error("no token")),
    });
    expect(told).toEqual([["interrupted", 1006, "Error: no token", 250]]);
  });

  it("of nothing ends the client", async () => {
    const { client, told } = await start({ address: () => undefined });
    expect(client.state).toBe("closed");
    expect(told).toEqual([["close", 1000, ""]]);
  });

  it("is refused in a sentence when it is none", () => {
    expect(() => connect("mailto:someone")).toThrow(
      "an address begins with ws:, wss:, http: or https:; got mailto:someone",
    );
    expect(() => connect("/room")).toThrow(TypeError);
    expect(() => connect(URL_GIVEN, { quietMs: Number.NaN })).toThrow(
      "quietMs is a number from 0 to 2147483647; got NaN",
    );
  });
});

describe("what is sent", () => {
  it("while connected is written, and nobody says whether it was handled", async () => {
    const { client } = await startOpen();
    expect(await client.send("hi")).toBe("uncertain");
    expect(FakeSocket.last.sent).toEqual(["hi"]);
  });

  it("while away waits in order, and goes out before anything else", async () => {
    const { client } = await start();
    const fates = [client.send("a"), client.send("b")];
    expect(client.bufferedAmount).toBe(2);
    client.addEventListener("open", () => void client.send("c"));
    FakeSocket.last.opens();
    expect(FakeSocket.last.sent).toEqual(["a", "b", "c"]);
    expect(await Promise.all(fates)).toEqual(["uncertain", "uncertain"]);
    expect(client.bufferedAmount).toBe(0);
  });

  it("while away is refused where it should be, by client or by call", async () => {
    const { client } = await start({ whenAway: "refuse" });
    expect(await client.send("a")).toBe("refused");
    const kept = client.send("b", { whenAway: "queue" });
    FakeSocket.last.opens();
    expect(await kept).toBe("uncertain");
    expect(FakeSocket.last.sent).toEqual(["b"]);
  });

  it("is refused beyond the bounds, in number and bytes", async () => {
    const { client } = await start({ maxQueued: 2, maxQueuedBytes: 10 });
    void client.send("12345678");
    expect(await client.send("123")).toBe("refused");
    void client.send("12");
    expect(await client.send("")).toBe("refused");
  });

  it("is refused when it has waited too long", async () => {
    const { client } = await start();
    const fate = client.send("a", { expiresMs: 1_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await fate).toBe("refused");
    FakeSocket.last.opens();
    expect(FakeSocket.last.sent).toEqual([]);
  });

  it("has its fate before the client is closed", async () => {
    const { client } = await start();
    const order: string[] = [];
    const sent = client.send("a").then((fate) => order.push(fate));
    client.addEventListener("close", () => {
      setTimeout(() => order.push("close"));
    });
    client.close();
    await vi.advanceTimersByTimeAsync(0);
    await sent;
    expect(order).toEqual(["refused", "close"]);
    expect(await client.send("b")).toBe("refused");
  });

  it("is not lost in a socket that the platform is closing", async () => {
    const { client } = await startOpen();
    FakeSocket.last.readyState = 2;
    const fate = client.send("a");
    FakeSocket.last.ends(1001, "retry-after-ms=0");
    await vi.advanceTimersByTimeAsync(1);
    FakeSocket.last.opens();
    expect(await fate).toBe("uncertain");
    expect(FakeSocket.last.sent).toEqual(["a"]);
  });
});

describe("a client that asks whether its server is there", () => {
  const probe = (): string => "?";

  it("asks after silence, and is content with whatever is heard", async () => {
    const { client } = await startOpen({ probe, quietMs: 10_000 });
    await vi.advanceTimersByTimeAsync(9_000);
    FakeSocket.last.hears("news");
    await vi.advanceTimersByTimeAsync(9_999);
    expect(FakeSocket.last.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.last.sent).toEqual(["?"]);
    expect(client.state).toBe("open.probing");
    FakeSocket.last.hears("yes");
    expect(client.state).toBe("open.healthy");
  });

  it("leaves a dead line within five seconds of waking, without waiting for its close", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    const { told } = await startOpen({ probe });
    const dead = FakeSocket.last;
    wake("focus");
    expect(dead.sent).toEqual(["?"]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(dead.closedWith).toHaveLength(1);
    expect(told.at(-1)).toEqual(["interrupted", 1006, "", 250]);
    // What the dead one still says is not heard, now or later.
    dead.hears("late");
    expect(told.at(-1)).toEqual(["interrupted", 1006, "", 250]);
    await vi.advanceTimersByTimeAsync(250);
    FakeSocket.last.opens();
    dead.hears("late");
    dead.ends(1000);
    expect(told.at(-1)).toEqual(["open", 2]);
  });

  it("asks nothing where there is nothing to ask with, and does not spin", async () => {
    const { client } = await startOpen({ quietMs: 1_000 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.state).toBe("open.healthy");
    expect(FakeSocket.last.sent).toEqual([]);
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe("the end of a client", () => {
  it("is told once, after the server's close frame", async () => {
    const { client, told } = await startOpen();
    client.close(4000, "bye");
    expect(client.readyState).toBe(2);
    expect(FakeSocket.last.closedWith).toEqual([[4000, "bye"]]);
    FakeSocket.last.ends(4000, "bye");
    client.close();
    client.reconnect();
    expect(told).toEqual([
      ["open", 1],
      ["close", 4000, "bye"],
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not wait for ever for a server that says nothing", async () => {
    const { client, told } = await startOpen();
    client.close();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(told.at(-1)).toEqual(["close", 1006, ""]);
  });

  it("comes by its signal, before and after", async () => {
    const aborting = new AbortController();
    const { client } = await startOpen({ signal: aborting.signal });
    aborting.abort();
    expect(client.state).toBe("closing");
    const { client: late } = await start({ signal: AbortSignal.abort() });
    expect(late.state).toBe("closed");
  });

  it("takes the codes that a browser takes, and names them", async () => {
    const { client } = await start();
    expect(() => client.close(1001)).toThrow(
      "close(): a code is 1000 or from 3000 to 4999; got 1001",
    );
  });

  it("ends the loop over its messages, behind the last one", async () => {
    const { client } = await startOpen();
    const heard: unknown[] = [];
    const reading = (async () => {
      for await (const message of client) heard.push(message);
    })();
    await asked();
    FakeSocket.last.hears("a");
    FakeSocket.last.hears("b");
    client.close();
    FakeSocket.last.ends(1000);
    await reading;
    expect(heard).toEqual(["a", "b"]);
  });
});

it("calls its on… properties as a WebSocket does, and survives what they throw", async () => {
  const thrown: unknown[] = [];
  const { client } = await start();
  const remember = (error: unknown): void => void thrown.push(error);
  process.once("uncaughtException", remember);
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is what is tested
  client.onopen = () => {
    throw new Error("the page's own");
  };
  const heard: unknown[] = [];
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is what is tested
  client.onmessage = ({ data }) => heard.push(data);
  FakeSocket.last.opens();
  FakeSocket.last.hears("a");
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toEqual(["a"]);
  expect(client.state).toBe("open.healthy");
  vi.useRealTimers();
  await new Promise((resolve) => setImmediate(resolve));
  expect(thrown).toEqual([new Error("the page's own")]);
});
