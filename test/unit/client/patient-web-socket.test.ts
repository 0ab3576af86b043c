import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PatientWebSocket } from "../../../src/client/index.ts";
import { FakeSocket } from "./fake-socket.ts";

/** Each test has a host of its own: what a host has said is kept for all sockets. */
let host = 0;
const urlOf = (path = "/"): string => `ws://host-${host}.example${path}`;

beforeEach(() => {
  host++;
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  vi.stubGlobal("WebSocket", FakeSocket);
  FakeSocket.made = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** A socket, and what it has told in order. */
function make(path?: string) {
  const socket = new PatientWebSocket(urlOf(path), ["chat"]);
  const told: unknown[] = [];
  socket.addEventListener("open", () => told.push("open"));
  socket.addEventListener("error", () => told.push("error"));
  socket.addEventListener("message", (event) =>
    told.push((event as MessageEvent).data),
  );
  socket.addEventListener("close", (event) => {
    const { code, reason, wasClean } = event as CloseEvent;
    told.push([code, reason, wasClean]);
  });
  return { socket, told };
}

describe("a patient WebSocket", () => {
  it("is the platform's own where its host has said nothing", () => {
    const { socket, told } = make("/a");
    expect(FakeSocket.last.url).toBe(urlOf("/a"));
    expect(FakeSocket.last.protocols).toEqual(["chat"]);
    expect(socket.readyState).toBe(PatientWebSocket.CONNECTING);
    FakeSocket.last.opens();
    socket.send("hi");
    FakeSocket.last.hears("there");
    socket.close(4000, "bye");
    expect(socket.readyState).toBe(PatientWebSocket.CLOSING);
    FakeSocket.last.ends(4000, "bye");
    expect(socket.readyState).toBe(PatientWebSocket.CLOSED);
    expect(FakeSocket.last.sent).toEqual(["hi"]);
    expect(told).toEqual(["open", "there", [4000, "bye", true]]);
  });

  it("stays connecting until its host's time has come, whoever was told", () => {
    make("/a");
    FakeSocket.last.opens();
    FakeSocket.last.ends(1012, "retry-after-ms=2500");
    const { socket, told } = make("/b");
    expect(socket.readyState).toBe(PatientWebSocket.CONNECTING);
    expect(() => socket.send("early")).toThrow("still connecting");
    vi.advanceTimersByTime(2_499);
    expect(FakeSocket.made).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(FakeSocket.last.url).toBe(urlOf("/b"));
    FakeSocket.last.opens();
    expect(told).toEqual(["open"]);
  });

  it("does not keep others waiting", () => {
    make();
    FakeSocket.last.opens();
    FakeSocket.last.ends(1001, "retry-after-ms=60000");
    host++;
    make();
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("comes back at once after an orderly end of its own", () => {
    const { socket } = make();
    FakeSocket.last.opens();
    socket.close();
    FakeSocket.last.ends(1000);
    make();
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("is held back by chance when nobody answered, longer each time", () => {
    for (const waitMs of [250, 500, 1_000]) {
      make();
      vi.runAllTimers();
      const made = FakeSocket.made.length;
      FakeSocket.last.ends();
      make();
      vi.advanceTimersByTime(waitMs - 1);
      expect(FakeSocket.made).toHaveLength(made);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.made).toHaveLength(made + 1);
      FakeSocket.made.pop();
    }
  });

  it("can be closed while it waits, and no socket is ever made", () => {
    make();
    FakeSocket.last.opens();
    FakeSocket.last.ends(1012, "retry-after-ms=1000");
    const { socket, told } = make();
    socket.close();
    expect(socket.readyState).toBe(PatientWebSocket.CLOSING);
    expect(told).toEqual([]);
    vi.runAllTimers();
    expect(socket.readyState).toBe(PatientWebSocket.CLOSED);
    expect(told).toEqual(["error", [1006, "", false]]);
    expect(FakeSocket.made).toHaveLength(1);
  });

  it("does not call a host again that has said never", () => {
    make();
    FakeSocket.last.opens();
    FakeSocket.last.ends(1001, "retry-after-ms=never");
    const { told } = make();
    vi.runAllTimers();
    expect(told).toEqual(["error", [1006, "", false]]);
    expect(FakeSocket.made).toHaveLength(1);
  });

  it("passes its kind of binary messages on, before and after", () => {
    const { socket } = make();
    expect(FakeSocket.last.binaryType).toBe("blob");
    socket.binaryType = "arraybuffer";
    expect(FakeSocket.last.binaryType).toBe("arraybuffer");
  });

  it("says of an address that is none what the platform says", () => {
    expect(() => new PatientWebSocket("nowhere")).toThrow("Invalid URL");
  });
});
