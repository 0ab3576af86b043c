import { describe, expect, it } from "vitest";

import { attachSignals } from "../../../src/cli/signals.ts";
import { FakeIo } from "./fake-io.ts";

function attached(env: Readonly<Record<string, string>> = {}) {
  const io = new FakeIo({ env });
  const told: string[] = [];
  const clock = { now: 1000 };
  const terminal = { hasHungUp: false };
  const signals = attachSignals(
    io,
    {
      stop: (signal) => told.push(`stop ${signal}`),
      force: (signal) => told.push(`force ${signal}`),
      reload: () => told.push("reload"),
      upgrade: () => told.push("upgrade"),
    },
    () => terminal.hasHungUp,
    () => clock.now,
  );
  const send = (signal: string): void => {
    io.emit(signal, signal);
  };
  return { io, told, clock, terminal, signals, send };
}

describe("signals", () => {
  it("stop first and force from then on, whichever of the two comes", () => {
    const { told, send } = attached();
    send("SIGTERM");
    send("SIGINT");
    send("SIGTERM");
    expect(told).toEqual(["stop SIGTERM", "force SIGINT", "force SIGTERM"]);
  });

  it("upgrade on SIGUSR2", () => {
    const { told, send } = attached();
    send("SIGUSR2");
    expect(told).toEqual(["upgrade"]);
  });

  it("reload on SIGHUP, also between the others", () => {
    const { told, send } = attached();
    send("SIGHUP");
    send("SIGINT");
    send("SIGHUP");
    expect(told).toEqual(["reload", "stop SIGINT", "reload"]);
  });

  it("stop when SIGHUP tells that the terminal was closed, however often it comes", () => {
    const { told, send, terminal } = attached();
    send("SIGHUP");
    terminal.hasHungUp = true;
    send("SIGHUP");
    send("SIGHUP");
    send("SIGTERM");
    expect(told).toEqual(["reload", "stop SIGHUP", "force SIGTERM"]);
  });

  it("are one when npm passes on what the process has already received", () => {
    const { told, send, clock } = attached({ npm_lifecycle_event: "start" });
    send("SIGINT");
    clock.now += 99;
    send("SIGINT");
    expect(told).toEqual(["stop SIGINT"]);
    clock.now += 1;
    send("SIGINT");
    expect(told).toEqual(["stop SIGINT", "force SIGINT"]);
  });

  it("stop again after a shutdown that was called off", () => {
    const { told, send, signals } = attached();
    send("SIGTERM");
    signals.forget();
    send("SIGTERM");
    expect(told).toEqual(["stop SIGTERM", "stop SIGTERM"]);
  });

  it("go elsewhere once redirected, without an instant in which nobody listens", () => {
    const { io, told, send, signals } = attached();
    const listened = io.rawListeners("SIGHUP");
    signals.redirect({
      stop: () => told.push("other stop"),
      force: () => told.push("other force"),
      reload: () => told.push("other reload"),
      upgrade: () => told.push("other upgrade"),
    });
    for (const signal of ["SIGHUP", "SIGTERM", "SIGTERM"]) send(signal);
    expect(told).toEqual(["other reload", "other stop", "other force"]);
    expect(io.rawListeners("SIGHUP")).toEqual(listened);
  });
});
