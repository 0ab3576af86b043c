import { describe, expect, it } from "vitest";
import {
  connectionDelays,
  connectionEvents,
  connectionMachine,
} from "../../src/machines/connection-machine.ts";
import { remember, unborn } from "./connection-history.ts";
import { connectionLaws, isConnectionLasting } from "./connection-laws.ts";
import { examineEveryMove, examineSilence } from "./every-move.ts";
import { explore } from "./exploration.ts";

const subject = {
  machine: connectionMachine,
  id: "connection",
  events: connectionEvents,
  delays: connectionDelays,
  born: unborn,
  remember,
  laws: connectionLaws,
  isLasting: isConnectionLasting,
  interrupted: { "open.moving": "open.healthy" },
};

examineEveryMove(subject);
examineSilence(subject);

describe("what a thread asks of a connection's state", () => {
  it("is open, closing, sealed or answering, as its name says", () => {
    const tagOf = (name: string): string[] => {
      if (name.startsWith("open")) return ["open"];
      if (name === "closing") return ["closing"];
      if (/^draining.*answer/i.test(name)) return ["answering", "sealed"];
      return name.startsWith("draining") ? ["sealed"] : [];
    };
    const tags = [...explore(connectionMachine).places.values()].map(
      (place) => [place.name, place.tags.toSorted()] as const,
    );
    expect(tags).toEqual(tags.map(([name]) => [name, tagOf(name)]));
  });
});
