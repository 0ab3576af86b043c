import { shardDelays, shardMachine } from "../../src/machines/shard-machine.ts";
import { examineEveryMove, examineSilence } from "./every-move.ts";
import {
  isShardLasting,
  rememberShard,
  shardLaws,
  unstarted,
} from "./shard-laws.ts";

const subject = {
  machine: shardMachine,
  id: "shard",
  events: [
    "shard.ready",
    "shard.suspended",
    "shard.resumed",
    "shutdown.requested",
    "shutdown.calledOff",
    "deadline.reached",
    "shard.told",
    "thread.ended",
  ],
  delays: shardDelays,
  born: unstarted,
  remember: rememberShard,
  laws: shardLaws,
  isLasting: isShardLasting,
};

examineEveryMove(subject);
examineSilence(subject);
