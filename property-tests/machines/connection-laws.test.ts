import {
  connectionDelays,
  connectionEvents,
  connectionMachine,
} from "../../src/machines/connection.ts";
import { remember, unborn } from "./connection-history.ts";
import { connectionLaws, isConnectionLasting } from "./connection-laws.ts";
import { examineEveryMove, examineSilence } from "./every-move.ts";

const subject = {
  machine: connectionMachine,
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
