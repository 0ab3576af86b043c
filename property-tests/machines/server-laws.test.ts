import { serverDelays, serverMachine } from "../../src/machines/server.ts";
import { examineEveryMove } from "./every-move.ts";
import {
  isServerLasting,
  rememberServer,
  serverLaws,
  unbound,
} from "./server-laws.ts";

examineEveryMove({
  machine: serverMachine,
  events: [
    "server.listening",
    "server.failed",
    "shutdown.queued",
    "turn.granted",
    "shutdown.requested",
    "shutdown.calledOff",
    "deadline.reached",
    "shards.told",
    "shards.terminated",
  ],
  delays: serverDelays,
  born: unbound,
  remember: rememberServer,
  laws: serverLaws,
  isLasting: isServerLasting,
});
