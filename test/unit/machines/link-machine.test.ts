import { describe, expect, it } from "vitest";
import { createActor, SimulatedClock } from "xstate";
import {
  type LinkEvent,
  linkMachine,
} from "../../../src/machines/link-machine.ts";
import { stateName } from "../../../src/machines/transition-table.ts";

/** Runs the machine on a clock that the test moves, and remembers what it asked for. */
function runLink() {
  const did: string[] = [];
  const remember = (name: string) => () => void did.push(name);
  const clock = new SimulatedClock();
  const actor = createActor(
    linkMachine.provide({
      actions: {
        openLink: remember("openLink"),
        dropLink: remember("dropLink"),
        subscribeAgain: remember("subscribeAgain"),
        sendHeld: remember("sendHeld"),
        flushLink: remember("flushLink"),
        closeLink: remember("closeLink"),
      },
    }),
    { clock },
  ).start();
  return {
    did,
    clock,
    is: () => stateName(actor.getSnapshot().value),
    happens: (...types: LinkEvent["type"][]) => {
      for (const type of types) actor.send({ type });
    },
  };
}

describe("the link machine", () => {
  it("subscribes and sends at once when it is open for the first time", () => {
    const link = runLink();
    link.happens("link.opened");
    expect(link.is()).toBe("connected");
    expect(link.did).toEqual(["openLink", "subscribeAgain", "sendHeld"]);
  });

  it("tries again after the back-off, as often as it takes", () => {
    const link = runLink();
    for (let attempt = 0; attempt < 3; attempt++) {
      link.happens("link.failed");
      expect(link.is()).toBe("backingOff");
      link.clock.increment(250);
      expect(link.is()).toBe("connecting");
    }
    expect(link.did).toEqual(Array(4).fill("openLink"));
  });

  it("gives an attempt up that does not come to an end", () => {
    const link = runLink();
    link.clock.increment(5_000);
    expect(link.is()).toBe("backingOff");
    expect(link.did).toEqual(["openLink", "dropLink"]);
  });

  it("lets the others come back before it sends what it held", () => {
    const link = runLink();
    link.happens("link.opened", "link.lost");
    expect(link.is()).toBe("backingOff");
    link.clock.increment(250);
    link.did.length = 0;
    link.happens("link.reopened");
    expect(link.is()).toBe("resuming");
    expect(link.did).toEqual(["subscribeAgain"]);
    link.clock.increment(500);
    expect(link.is()).toBe("connected");
    expect(link.did).toEqual(["subscribeAgain", "sendHeld"]);
  });

  it.each([
    ["connecting", []],
    ["backingOff", ["link.failed"]],
    ["resuming", ["link.reopened"]],
    ["connected", ["link.opened"]],
  ] as const)("ends from %s, within its deadline", (state, events) => {
    const link = runLink();
    link.happens(...events);
    expect(link.is()).toBe(state);
    link.happens("stop.requested");
    link.clock.increment(1_000);
    expect(link.is()).toBe("closed");
    expect(link.did.at(-1)).toBe("closeLink");
  });
});
