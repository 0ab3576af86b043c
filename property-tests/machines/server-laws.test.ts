import {
  serverDelays,
  serverMachine,
} from "../../src/machines/server-machine.ts";
import { examineEveryMove, examineSilence } from "./every-move.ts";
import {
  isServerLasting,
  rememberServer,
  serverLaws,
  unbound,
} from "./server-laws.ts";

const subject = {
  machine: serverMachine,
  id: "server",
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
};

examineEveryMove(subject);
examineSilence(subject);
