import { describe, expect, it, vi } from "vitest";
import { FakeSocket } from "./fake-socket.ts";
import { asked, pageWithEvents, startOpen, usePlay } from "./play.ts";

usePlay();

const V1 = "sluice.v1";
const INTERVAL_MS = 25_000;
/** A connection to a Sluice that has greeted, as `sluice.v1` says. */
async function startHeard(options = {}) {
  const started = await startOpen({ heartbeat: true, ...options }, V1);
  FakeSocket.last.hears(`^ ${INTERVAL_MS} t0ken`);
  return started;
}

describe("the heartbeat of a Sluice", () => {
  it("is asked for before the application's own subprotocols, and only where it is wanted", async () => {
    await startOpen({ heartbeat: true, protocols: ["chat.v2", "chat"] });
    expect(FakeSocket.last.protocols).toEqual([V1, "chat.v2", "chat"]);
    await startOpen({ heartbeat: true, protocols: "chat" });
    expect(FakeSocket.last.protocols).toEqual([V1, "chat"]);
    await startOpen({ protocols: "chat" });
    expect(FakeSocket.last.protocols).toBe("chat");
  });

  it("is no message of the application: neither greeting nor ticks", async () => {
    const { told } = await startHeard();
    FakeSocket.last.hears("~t0ken");
    FakeSocket.last.hears("~");
    FakeSocket.last.hears("^ 25000 t0ken");
    FakeSocket.last.hears("~t0ken!");
    expect(told).toEqual([["open", 1], "~", "^ 25000 t0ken", "~t0ken!"]);
  });

  it("keeps a client content that hears nothing else, for ever", async () => {
    const { client } = await startHeard();
    for (let beat = 0; beat < 1_000; beat++) {
      // As late as it may be.
      await vi.advanceTimersByTimeAsync(INTERVAL_MS + 4_999);
      FakeSocket.last.hears("~t0ken");
    }
    expect(FakeSocket.last.sent).toEqual([]);
    expect(client.state).toBe("open.healthy");
  });

  it("is missed 5 s after its time: the server is asked, and given up 5 s later", async () => {
    const { client, told } = await startHeard();
    await vi.advanceTimersByTimeAsync(INTERVAL_MS + 4_999);
    expect(FakeSocket.last.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.last.sent).toEqual(["?t0ken"]);
    expect(client.state).toBe("open.probing");
    await vi.advanceTimersByTimeAsync(4_999);
    expect(FakeSocket.last.closedWith).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.last.closedWith).toEqual([[undefined, undefined]]);
    expect(told.at(-1)).toEqual(["interrupted", 1006, "", 250]);
  });

  it("answers for a server that is asked, and is no message then either", async () => {
    const { client, told } = await startHeard({ quietMs: 1_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeSocket.last.sent).toEqual(["?t0ken"]);
    FakeSocket.last.hears("~t0ken");
    expect(client.state).toBe("open.healthy");
    expect(told).toEqual([["open", 1]]);
  });

  it("may be off: then the server is asked after half a minute of silence", async () => {
    await startOpen({ heartbeat: true }, V1);
    FakeSocket.last.hears("^ 0 t0ken");
    await vi.advanceTimersByTimeAsync(29_999);
    expect(FakeSocket.last.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.last.sent).toEqual(["?t0ken"]);
  });

  it("of a later connection has a token of its own, and an older one's is nothing", async () => {
    const { told } = await startHeard();
    FakeSocket.last.ends(1012, "retry-after-ms=0");
    await vi.advanceTimersByTimeAsync(0);
    await asked();
    FakeSocket.last.opens(V1);
    FakeSocket.last.hears("^ 25000 0ther");
    FakeSocket.last.hears("~t0ken");
    FakeSocket.last.hears("~0ther");
    expect(told.slice(2)).toEqual([["open", 2], "~t0ken"]);
  });

  it.each([
    ["a server that has chosen another subprotocol", "chat", "^ 25000 t0ken"],
    ["a server that agrees to whatever is offered", V1, "hello"],
    ["a greeting that is none", V1, "^ soon t0ken"],
    ["bytes", V1, new ArrayBuffer(3)],
  ])("is not expected after %s", async (_, protocol, first) => {
    const { client, told } = await startOpen({ heartbeat: true }, protocol);
    FakeSocket.last.hears(first);
    FakeSocket.last.hears("~undefined");
    FakeSocket.last.hears("^ 25000 t0ken");
    await vi.advanceTimersByTimeAsync(600_000);
    expect(told).toEqual([["open", 1], first, "~undefined", "^ 25000 t0ken"]);
    expect(FakeSocket.last.sent).toEqual([]);
    expect(client.state).toBe("open.healthy");
  });
});

describe("the timers of a client", () => {
  it("are armed by what is heard, and none by another: browsers put those off in hidden pages", async () => {
    // The platform's own, as the fake clock has it now.
    const platform = globalThis.setTimeout;
    let depth = 0;
    let deepest = 0;
    vi.stubGlobal("setTimeout", (act: () => void, ms: number) => {
      const own = depth + 1;
      return platform(() => {
        depth = own;
        deepest = Math.max(deepest, own);
        act();
        depth = 0;
      }, ms);
    });
    const { client } = await startHeard({ quietMs: 1_000 });
    for (let beat = 0; beat < 100; beat++) {
      await vi.advanceTimersByTimeAsync(1_000);
      expect(client.state).toBe("open.probing");
      FakeSocket.last.hears("~t0ken");
      expect(client.state).toBe("open.healthy");
    }
    // Silence arms the probe's deadline; what is heard begins anew.
    expect(deepest).toBe(1);
    for (let beat = 0; beat < 100; beat++) {
      await vi.advanceTimersByTimeAsync(999);
      FakeSocket.last.hears("news");
    }
    expect(FakeSocket.last.sent).toHaveLength(100);
    expect(deepest).toBe(1);
  });

  it("are not armed by each of thousands of messages", async () => {
    const arm = vi.spyOn(globalThis, "setTimeout");
    await startHeard();
    arm.mockClear();
    for (let message = 0; message < 10_000; message++)
      FakeSocket.last.hears("news");
    expect(arm).not.toHaveBeenCalled();
  });

  it("that stood still with the page let it hear first what has come meanwhile", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    const { client, told } = await startHeard();
    wake("focus");
    expect(client.state).toBe("open.probing");
    // Frozen for an hour: timers fire at once, and its messages come behind them.
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.state).toBe("open.probing");
    FakeSocket.last.hears("~t0ken");
    expect(client.state).toBe("open.healthy");
    expect(told).toEqual([["open", 1]]);
  });

  it("that stood still are late by a second more at most", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    const { client } = await startHeard();
    wake("focus");
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(5_999);
    expect(client.state).toBe("open.probing");
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toBe("waiting.backingOff");
  });
});

describe("a page that wakes", () => {
  const WAKING = ["focus", "pageshow", "online", "offline"];

  it.each(WAKING)("by %s has its server asked at once", async (type) => {
    const { listen, wake } = pageWithEvents();
    listen();
    const { client } = await startHeard();
    wake(type);
    expect(client.state).toBe("open.probing");
    expect(FakeSocket.last.sent).toEqual(["?t0ken"]);
    // Once is enough while the answer is awaited.
    wake(type);
    expect(FakeSocket.last.sent).toEqual(["?t0ken"]);
  });

  it("by being seen or thawed has its server asked, by being hidden not", async () => {
    const { document, listen } = pageWithEvents();
    listen();
    const { client } = await startHeard();
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    expect(client.state).toBe("open.healthy");
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    FakeSocket.last.hears("~t0ken");
    document.dispatchEvent(new Event("resume"));
    expect(FakeSocket.last.sent).toEqual(["?t0ken", "?t0ken"]);
  });

  it("ends a back-off by focus, by being seen, and by the network that is back", async () => {
    const { document, listen, wake } = pageWithEvents();
    listen();
    await startOpen();
    for (const wakeUp of [
      () => wake("focus"),
      () => document.dispatchEvent(new Event("visibilitychange")),
      () => wake("online"),
      () => {
        wake("offline");
        wake("online");
      },
    ]) {
      const before = FakeSocket.made.length;
      FakeSocket.last.ends();
      wakeUp();
      await asked();
      await asked();
      expect(FakeSocket.made).toHaveLength(before + 1);
      FakeSocket.last.opens();
    }
  });

  it("is told of its wait once, also when the network comes back meanwhile", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    const { told } = await startOpen();
    FakeSocket.last.ends(1012, "retry-after-ms=5000");
    wake("offline");
    wake("online");
    expect(told).toEqual([
      ["open", 1],
      ["interrupted", 1012, "retry-after-ms=5000", 5_000],
    ]);
  });

  it("makes no attempt while the system says that there is no network, not even the next of a back-off", async () => {
    const { listen, navigator } = pageWithEvents();
    listen();
    const { client } = await startOpen();
    navigator.onLine = false;
    FakeSocket.last.ends();
    expect(client.state).toBe("offline");
    await vi.advanceTimersByTimeAsync(59_999);
    expect(FakeSocket.made).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("is not listened to any more once the client is closed", async () => {
    const { document, listen, wake } = pageWithEvents();
    listen();
    const { client } = await startHeard();
    client.close();
    FakeSocket.last.ends(1000);
    for (const type of [...WAKING, "online"]) wake(type);
    document.dispatchEvent(new Event("resume"));
    expect(client.state).toBe("closed");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a clock", () => {
  it("that is set back makes nobody wait longer than was said", async () => {
    const { listen, wake } = pageWithEvents();
    listen();
    await startOpen();
    FakeSocket.last.ends(1012, "retry-after-ms=5000");
    vi.setSystemTime(Date.now() - 3_600_000);
    wake("focus");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(FakeSocket.made).toHaveLength(2);
  });
});
