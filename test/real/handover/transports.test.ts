import { expect, it } from "vitest";
import { Generations } from "./generations.ts";
import { judgeTalkers, openTalkers } from "./talkers.ts";

/** Each process does not do as the one before it, whatever the tests as a whole were asked for. */
const TAKES_TURNS = `
  const turn = Number(process.env.SLUICE_TEST_TURN ?? 0);
  process.env.SLUICE_TEST_TURN = String(turn + 1);
  process.env.NODE_SLUICE_TRANSPORT = turn % 2 === 0 ? "stream" : "handle";`;

it("passes connections from a process that uses sockets to one that uses handles, and back", async () => {
  const server = await Generations.begin(
    [],
    [`--import=data:text/javascript,${encodeURIComponent(TAKES_TURNS)}`],
  );
  const streams = /NODE_SLUICE_TRANSPORT asks for streams/;
  const talkers = await openTalkers(server.command.port, 20);
  const first = server.pid;
  await server.logged(streams);
  await server.upgrade();
  const second = server.pid;
  talkers.push(...(await openTalkers(server.command.port, 20)));
  await server.upgrade();
  await server.logged(streams);
  expect(new Set([first, second, server.pid]).size).toBe(3);
  talkers.push(...(await openTalkers(server.command.port, 5)));
  expect(await judgeTalkers(talkers)).toEqual({
    closed: 0,
    wrong: 0,
    unanswered: 0,
  });
  // The one in between has said nothing of the kind.
  await expect(
    Promise.race([
      server.logged(streams, second).then(() => "streams"),
      server.logged(/"event":"upgraded"/, second).then(() => "no word"),
    ]),
  ).resolves.toBe("no word");
});
