import { linkDelays, linkMachine } from "../../src/machines/link-machine.ts";
import { examineEveryMove } from "./every-move.ts";
import {
  isLinkLasting,
  linkLaws,
  rememberLink,
  unlinked,
} from "./link-laws.ts";

// It has no law of silence: a link that nobody answers tries for ever.
examineEveryMove({
  machine: linkMachine,
  id: "link",
  events: [
    "link.opened",
    "link.reopened",
    "link.failed",
    "link.lost",
    "link.flushed",
    "stop.requested",
  ],
  delays: linkDelays,
  born: unlinked,
  remember: rememberLink,
  laws: linkLaws,
  isLasting: isLinkLasting,
  end: "closed",
});
