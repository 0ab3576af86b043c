import { describe, expect, it } from "vitest";
import {
  Turns,
  type TurnTaker,
} from "../../../../src/workers/connection/turns.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const MIB = 1024 * 1024;

class Taker implements TurnTaker {
  readonly name: string;
  readonly #log: string[];
  turnBytes = 0;
  isPaused = false;
  onTurn: () => void = () => {};

  constructor(name: string, log: string[]) {
    this.name = name;
    this.#log = log;
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  readOn(): void {
    this.isPaused = false;
    this.#log.push(this.name);
    this.onTurn();
  }
}

function begin() {
  const clock = new FakeClock();
  const log: string[] = [];
  const turns = new Turns<Taker>(clock);
  const taker = (name: string): Taker => new Taker(name, log);
  return { clock, log, turns, taker };
}

describe("turns", () => {
  it("come to everybody who waits, once in a turn of the event loop", () => {
    const { clock, log, turns, taker } = begin();
    const [greedy, modest] = [taker("greedy"), taker("modest")];
    greedy.onTurn = () => log.length < 4 && turns.add(greedy);
    turns.add(greedy);
    turns.add(greedy);
    turns.add(modest);
    expect(log).toEqual([]);
    clock.advance(0);
    expect(log).toEqual(["greedy", "modest", "greedy", "greedy"]);
  });

  it("end when a socket has read its share in large pieces, until the next", () => {
    const { clock, turns, taker } = begin();
    const flooder = taker("flooder");
    for (let count = 0; count < 3; count++) turns.count(flooder, MIB / 4);
    expect(flooder.isPaused).toBe(false);
    turns.count(flooder, MIB / 4);
    expect(flooder.isPaused).toBe(true);
    clock.advance(0);
    expect(flooder).toMatchObject({ isPaused: false, turnBytes: 0 });
  });

  it("cost nothing while reads are small", () => {
    const { clock, turns, taker } = begin();
    const one = taker("one");
    for (let count = 0; count < 1_000; count++) turns.count(one, 1_000);
    expect(one.isPaused).toBe(false);
    expect(clock.waiting).toBe(0);
  });
});
