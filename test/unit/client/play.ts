import { afterEach, beforeEach, vi } from "vitest";
import { type ClientOptions, connect } from "../../../src/client/index.ts";
import { FakeSocket } from "./fake-socket.ts";

export const WebSocketClass = FakeSocket as unknown as typeof WebSocket;
export const URL_GIVEN = "ws://example.org/room";

/** Time, chance and sockets are the test's. */
export function usePlay(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    FakeSocket.made = [];
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
}

/** A client, and all that it has told in order. */
export async function start(options: ClientOptions = {}) {
  const client = connect(URL_GIVEN, { WebSocket: WebSocketClass, ...options });
  const told: unknown[] = [];
  client.addEventListener("open", ({ attempt }) =>
    told.push(["open", attempt]),
  );
  client.addEventListener("message", ({ data }) => told.push(data));
  client.addEventListener("interrupted", ({ code, reason, backInMs }) =>
    told.push(["interrupted", code, reason, backInMs]),
  );
  client.addEventListener("close", ({ code, reason }) =>
    told.push(["close", code, reason]),
  );
  await asked();
  return { client, told };
}

/** The address is there: an answer that is a value comes in a later turn. */
export const asked = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

/** @param protocol - That the server chooses. */
export async function startOpen(options: ClientOptions = {}, protocol = "") {
  const started = await start(options);
  FakeSocket.last.opens(protocol);
  return started;
}

/** A page whose events the test plays: Node has none. */
export function pageWithEvents() {
  const target = new EventTarget();
  const document = Object.assign(new EventTarget(), {
    visibilityState: "visible",
  });
  const navigator = { onLine: true };
  return {
    document,
    navigator,
    listen: () => {
      vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
      vi.stubGlobal("document", document);
      vi.stubGlobal("navigator", navigator);
    },
    wake: (type: string) => target.dispatchEvent(new Event(type)),
  };
}

/** What is thrown where nobody catches it, by the end of the turn. */
export async function uncaught(play: () => unknown): Promise<unknown> {
  return await new Promise((resolve) => {
    process.once("uncaughtException", resolve);
    void play();
  });
}
