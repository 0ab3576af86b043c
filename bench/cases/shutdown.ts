/** Shutdown: what 15,000 clients see when the server is sent SIGTERM. */
import {
  contendersOf,
  scaled,
  withLoad,
  withServer,
  type BenchCase,
} from "./case.ts";

const connections = 15_000;
const deadlineMs = 15_000;

export const shutdownCase: BenchCase = {
  name: "shutdown",
  title: "Shutdown of 15,000 connections",
  description:
    "The server is sent SIGTERM; every client that gets a close frame answers " +
    "it. Times are from the signal, as the clients see them.",
  unit: "connection",
  columns: ["lastCloseFrameMs", "closeFrameShare", "lastEndMs"],
  maxRounds: 2,
  contenders: contendersOf(
    ["sluice", "ws", "ws-loop", "ws-cluster", "socket.io", "bun"],
    async (subject, context) =>
      withServer(subject, context, {}, async (target) =>
        withLoad(
          target,
          {
            kind: "shutdown",
            connections: scaled(connections, context),
            serverPid: target.running.pid,
            deadlineMs,
          },
          async (load) => {
            const seen = await load.next("shutdown");
            return {
              metrics: {
                ...(seen.withCloseFrame > 0
                  ? { lastCloseFrameMs: seen.lastCloseFrameMs }
                  : {}),
                closeFrameShare: seen.withCloseFrame / seen.connections,
                ...(seen.left === 0 ? { lastEndMs: seen.lastEndMs } : {}),
              },
              disturbed: [],
            };
          },
        ),
      ),
  ).map((contender) => ({ ...contender, relativeTo: "ws-loop" })),
};
