import { describe, expect, it } from "vitest";
import { setup } from "xstate";
import {
  buildTransitionTable,
  type TableState,
} from "../../../../src/machines/transition-table.ts";
import {
  type LifecycleHost,
  LifecycleRunner,
} from "../../../../src/workers/lifecycle/runner.ts";
import type { WheelEntry } from "../../../../src/workers/lifecycle/timer-wheel.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const events = ["go", "again", "back", "never"] as const;
type Event = (typeof events)[number];

const named = (): void => {};
const machine = setup({
  types: { events: {} as { type: Event } },
  delays: { short: 1, long: 1 },
  actions: {
    begin: named,
    leave: named,
    arrive: (_, _params: { by: string }) => {},
    finish: named,
  },
}).createMachine({
  id: "trip",
  initial: "here",
  entry: "begin",
  states: {
    here: {
      after: { short: { target: "late" } },
      on: {
        go: {
          target: "there",
          actions: ["leave", { type: "arrive", params: { by: "go" } }],
        },
      },
    },
    there: {
      after: { long: { target: "late" } },
      on: {
        again: { target: "there", reenter: true },
        back: { target: "here", actions: "leave" },
      },
    },
    late: { type: "final", entry: "finish" },
  },
});

class Host implements LifecycleHost<Event> {
  lifecycle: TableState = undefined as never;
  enteredAt = 0;
  mailbox: Event[] | null = null;
  wheelNext: WheelEntry | null = null;
  wheelPrevious: WheelEntry | null = null;
  wheelDue = 0;
  log: string[] = [];
}

/** A runner that logs its actions, and what `onAction` does besides. */
function run(
  onAction: (
    host: Host,
    action: string,
    send: (event: Event) => void,
  ) => void = named,
) {
  const clock = new FakeClock();
  const delays = { short: 100, long: 300 };
  const observed: string[] = [];
  const act =
    (action: string) =>
    (host: Host, params: unknown): void => {
      const by = (params as { by: string } | undefined)?.by;
      host.log.push(by === undefined ? action : `${action} by ${by}`);
      onAction(host, action, (event) => runner.send(host, event));
    };
  const runner = new LifecycleRunner<Event, Host>({
    table: buildTransitionTable(machine, events),
    actions: {
      begin: act("begin"),
      leave: act("leave"),
      arrive: act("arrive"),
      finish: act("finish"),
    },
    delays: { short: () => delays.short, long: () => delays.long },
    observe: (_host, event, source, target, _edge, spentMs) => {
      observed.push(
        `${source?.name ?? ""} -${event}-> ${target.name} after ${spentMs}`,
      );
    },
    clock,
  });
  const host = new Host();
  runner.start(host);
  return { clock, delays, observed, runner, host };
}

describe("the lifecycle runner", () => {
  it("enters the initial state with its actions and its delay", () => {
    const { host, runner, observed } = run();
    expect(host.lifecycle.name).toBe("here");
    expect(host.log).toEqual(["begin"]);
    expect(runner.armedDelays).toBe(1);
    expect(observed).toEqual([" -xstate.init-> here after 0"]);
  });

  it("takes a transition with its actions in order and their parameters", () => {
    const { host, runner } = run();
    runner.send(host, "go");
    expect(host.lifecycle.name).toBe("there");
    expect(host.log).toEqual(["begin", "leave", "arrive by go"]);
  });

  it("ignores what means nothing in its state", () => {
    const { host, runner, observed } = run();
    runner.send(host, "back");
    runner.send(host, "never");
    expect(host.lifecycle.name).toBe("here");
    expect(observed).toHaveLength(1);
  });

  it("has the new state already while the actions run", () => {
    const seen: string[] = [];
    const { host, runner } = run((each, action) => {
      if (action === "leave") seen.push(each.lifecycle.name);
    });
    runner.send(host, "go");
    expect(seen).toEqual(["there"]);
  });

  it("keeps what an action sends until all actions have run", () => {
    const { host, runner } = run((_, action, send) => {
      if (action === "leave") send("back");
    });
    runner.send(host, "go");
    // There and, by the action's event, back again, and so on until nothing is sent.
    expect(host.log.slice(0, 4)).toEqual([
      "begin",
      "leave",
      "arrive by go",
      "leave",
    ]);
    expect(host.lifecycle.name).toBe("here");
  });

  it("keeps what is sent in the order in which it was sent", () => {
    const { host, runner, observed } = run((_, action, send) => {
      if (action === "arrive") {
        send("again");
        send("back");
        send("never");
      }
    });
    runner.send(host, "go");
    expect(observed.slice(1)).toEqual([
      "here -go-> there after 0",
      "there -again-> there after 0",
      "there -back-> here after 0",
    ]);
  });

  it("takes what its first actions send", () => {
    const { host } = run((_, action, send) => {
      if (action === "begin") send("go");
    });
    expect(host.lifecycle.name).toBe("there");
  });

  it("takes the delay's event when the delay has ended", () => {
    const { host, clock, runner } = run();
    clock.advance(99);
    expect(host.lifecycle.name).toBe("here");
    clock.advance(40);
    expect(host.lifecycle.name).toBe("late");
    expect(host.log).toEqual(["begin", "finish"]);
    expect(runner.armedDelays).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  it("cancels the delay of the state that it leaves, and arms the next one's", () => {
    const { host, clock, runner } = run();
    clock.advance(90);
    runner.send(host, "go");
    expect(runner.armedDelays).toBe(1);
    clock.advance(290);
    expect(host.lifecycle.name).toBe("there");
    clock.advance(50);
    expect(host.lifecycle.name).toBe("late");
  });

  it("asks for a delay's length at the moment it is armed", () => {
    const { host, clock, delays, runner } = run();
    delays.long = 50;
    runner.send(host, "go");
    delays.long = 10_000;
    clock.advance(100);
    expect(host.lifecycle.name).toBe("late");
  });

  it("arms the delay anew when a state is entered again, and runs no action", () => {
    const { host, clock, runner } = run();
    runner.send(host, "go");
    const before = [...host.log];
    clock.advance(250);
    runner.send(host, "again");
    clock.advance(250);
    expect(host.lifecycle.name).toBe("there");
    expect(host.log).toEqual(before);
    clock.advance(100);
    expect(host.lifecycle.name).toBe("late");
  });

  it("tells the observer how long each state lasted", () => {
    const { host, clock, observed, runner } = run();
    clock.advance(30);
    runner.send(host, "go");
    clock.advance(70);
    runner.send(host, "back");
    expect(observed.slice(1)).toEqual([
      "here -go-> there after 30",
      "there -back-> here after 70",
    ]);
  });

  it("stays where it ended, whatever arrives", () => {
    const { host, clock, runner, observed } = run();
    clock.advance(200);
    const count = observed.length;
    for (const event of events) runner.send(host, event);
    clock.advance(10_000);
    expect(host.lifecycle.isFinal).toBe(true);
    expect(observed).toHaveLength(count);
  });
});
