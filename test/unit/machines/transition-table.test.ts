import { describe, expect, it } from "vitest";
import { raise, setup } from "xstate";
import {
  connectionEvents,
  connectionMachine,
} from "../../../src/machines/connection-machine.ts";
import { connectionTable } from "../../../src/machines/connection-table.ts";
import {
  buildTransitionTable,
  stateName,
  type TableState,
} from "../../../src/machines/transition-table.ts";

function state(name: string): TableState {
  const found = connectionTable.states.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no state ${name}`);
  return found;
}

/** What the table answers, in a readable form. */
function answer(name: string, event: string): string {
  const step = state(name).steps.get(event);
  if (step === undefined) return "ignored";
  const actions = step.actions.map(({ type, params }) =>
    params === undefined ? type : `${type}(${JSON.stringify(params)})`,
  );
  return [step.target.name, ...actions].join(" ");
}

describe("the transition table", () => {
  it("begins where the machine begins, with the handshake's deadline", () => {
    const { target, delay } = connectionTable.initial;
    expect(target.name).toBe("upgrading.handshaking");
    expect(delay).toBe("handshakeDeadline");
  });

  it("has every leaf of the machine, numbered as they are listed", () => {
    expect(connectionTable.states.map(({ name }) => name).toSorted()).toEqual([
      "closing",
      "draining.answering",
      "draining.awaiting",
      "draining.compressing",
      "draining.compressingAnswer",
      "draining.compressingFailure",
      "draining.concluding",
      "draining.failing",
      "draining.flushing",
      "draining.hangingUp",
      "open.congested",
      "open.healthy",
      "open.moving",
      "open.probing",
      "plain.answering",
      "plain.congested",
      "plain.ending",
      "plain.failing",
      "plain.finishing",
      "plain.idle",
      "plain.receiving",
      "terminated",
      "upgrading.handshaking",
      "upgrading.refusing",
    ]);
    for (const [index, each] of connectionTable.states.entries())
      expect(each.index).toBe(index);
  });

  it.each([
    [
      "upgrading.handshaking",
      "upgrade.accepted",
      "open.healthy writeAcceptance countOpened announceOpened",
    ],
    [
      "open.healthy",
      "shutdown.requested",
      'closing beginClosing({"cause":"shutdown"}) sayLastWord awaitHandlers',
    ],
    [
      "open.congested",
      "peer.closed",
      'draining.compressingAnswer beginClosing({"cause":"peer"}) awaitCompressor',
    ],
    [
      "draining.compressingAnswer",
      "compressor.idle",
      "draining.answering sendCloseFrame",
    ],
    ["draining.compressing", "buffer.flushed", "ignored"],
    ["draining.flushing", "compressor.idle", "ignored"],
    ["closing", "handlers.settled", "draining.flushing sendCloseFrame"],
    ["draining.flushing", "buffer.flushed", "draining.awaiting"],
    ["draining.awaiting", "peer.closed", "draining.concluding endSocket"],
    [
      "draining.awaiting",
      "socket.closed",
      'terminated settle({"outcome":"lost"}) release',
    ],
    [
      "draining.concluding",
      "socket.closed",
      'terminated settle({"outcome":"clean"}) release',
    ],
    ["closing", "heartbeat.due", "ignored"],
    ["terminated", "socket.closed", "ignored"],
  ])("answers %s on %s with %s", (name, event, expected) => {
    expect(answer(name, event)).toBe(expected);
  });

  it("gives every state before the last a delay, but for healthy, and for an answer that the handlers work on", () => {
    const endless = connectionTable.states
      .filter(({ isFinal, delayEvent }) => !isFinal && !delayEvent)
      .map(({ name }) => name);
    expect(endless).toEqual(["open.healthy", "plain.answering"]);
  });

  it("arms a delay on the way into each state that has one, and cancels it on the way out", () => {
    for (const { steps, delayEvent } of connectionTable.states)
      for (const [event, step] of steps) {
        expect(step.delay !== undefined).toBe(
          step.target.delayEvent !== undefined,
        );
        // The end of a delay needs no cancelling.
        const isEnd = event === delayEvent;
        expect(step.cancelsDelay || isEnd).toBe(delayEvent !== undefined);
      }
  });

  it("arms the delay anew when a state is entered again", () => {
    const step = state("draining.awaiting").steps.get("shutdown.requested");
    expect(step).toMatchObject({ cancelsDelay: true, delay: "drainDeadline" });
    expect(step?.target.name).toBe("draining.awaiting");
    expect(step?.actions).toEqual([]);
  });

  it("numbers its edges without a gap", () => {
    const numbers = [
      connectionTable.initial.edge,
      ...connectionTable.states.flatMap(({ steps }) =>
        [...steps.values()].map(({ edge }) => edge),
      ),
    ];
    expect(numbers.toSorted((a, b) => a - b)).toEqual(
      connectionTable.edges.map((_, index) => index),
    );
  });

  it("is the same each time it is built", () => {
    const again = buildTransitionTable(connectionMachine, connectionEvents);
    expect(again.edges).toEqual(connectionTable.edges);
    expect(again.states.map(({ name }) => name)).toEqual(
      connectionTable.states.map(({ name }) => name),
    );
  });

  it("refuses a machine that needs two delays in one state", () => {
    const machine = setup({ delays: { short: 1, long: 2 } }).createMachine({
      id: "twice",
      initial: "waiting",
      states: {
        waiting: { after: { short: "done", long: "done" } },
        done: { type: "final" },
      },
    });
    expect(() => buildTransitionTable(machine, [])).toThrow(
      'twice: "waiting" needs more than one delay',
    );
  });

  it("names its edges by source, event and target, the beginning first", () => {
    expect(connectionTable.edges[0]).toEqual({
      source: "",
      event: "xstate.init",
      target: "upgrading.handshaking",
    });
    for (const { name, steps } of connectionTable.states)
      for (const [event, { edge, target }] of steps)
        expect(connectionTable.edges[edge]).toEqual({
          source: name,
          event,
          target: target.name,
        });
  });

  it("keeps a transition that changes the state and does nothing else", () => {
    const machine = setup({}).createMachine({
      id: "plain",
      initial: "off",
      states: { off: { on: { "switch.pressed": "on" } }, on: {} },
    });
    const { states } = buildTransitionTable(machine, ["switch.pressed"]);
    expect(states[0]?.steps.get("switch.pressed")?.target.name).toBe("on");
    expect(states[1]?.steps.size).toBe(0);
  });

  it.each(["bell.rang", "not.xstate.after.nap.of.its.own"])(
    "refuses a machine that sends itself %s later: that is no delay of a state",
    (type) => {
      const machine = setup({
        types: { events: {} as { type: string } },
      }).createMachine({
        id: "ringing",
        initial: "waiting",
        states: { waiting: { entry: raise({ type }, { delay: 10 }) } },
      });
      expect(() => buildTransitionTable(machine, [])).toThrow(
        'ringing: "waiting" needs more than one delay',
      );
    },
  );

  it("names a state by its path", () => {
    expect(stateName({ open: { healthy: "idle" } })).toBe("open.healthy.idle");
    expect(stateName("closing")).toBe("closing");
  });
});
