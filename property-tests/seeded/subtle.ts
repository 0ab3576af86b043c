import type { Defect } from "./defect.ts";

const unit = (path: string): readonly string[] => [`test/unit/${path}.test.ts`];
const inbox = unit("workers/connection/inbox");
const limiter = unit("workers/connection/rate-limiter");
const wheel = unit("workers/lifecycle/timer-wheel");
const shard = unit("main/shards/shard");
const addresses = unit("main/accept/address-limits");

/** Mistakes that a review may well overlook: one too many, the second time, a step too early. */
export const subtleDefects: readonly Defect[] = [
  {
    rule: "as many handlers run as may, and not one more",
    file: "src/workers/connection/inbox.ts",
    original: "this.#inFlight >= config.maxHandlersInFlight",
    defective: "this.#inFlight > config.maxHandlersInFlight",
    suites: inbox,
  },
  {
    rule: "a connection that has ended waits for no close frame",
    file: "src/workers/connection/inbox.ts",
    original: "    this.#forgetWaiting();\n    this.#forgetClose();\n",
    defective: "    this.#forgetWaiting();\n",
    suites: inbox,
  },
  {
    rule: "an allowance is filled once for the time that has passed",
    file: "src/workers/connection/rate-limiter.ts",
    original: "    this.#filledAt = nowMs;\n    this.#messages =",
    defective: "    this.#messages =",
    suites: limiter,
  },
  {
    rule: "no more is saved up than a second may bring",
    file: "src/workers/connection/rate-limiter.ts",
    original: "Math.min(perSecond, left + perSecond * seconds)",
    defective: "left + perSecond * seconds",
    suites: limiter,
  },
  {
    rule: "a delay that is armed again is armed once",
    file: "src/workers/lifecycle/timer-wheel.ts",
    original: "    this.cancel(entry);\n    const now",
    defective: "    const now",
    suites: wheel,
  },
  {
    rule: "who has been heard is silent again from the next visit on",
    file: "src/workers/lifecycle/heartbeat.ts",
    original: "      connection.isSilent = true;\n",
    defective: "",
    suites: unit("workers/lifecycle/heartbeat"),
  },
  {
    rule: "each shard's clients have their own times to come back",
    file: "src/workers/lifecycle/pacer.ts",
    original: "(index * shards + turn + 0.5)",
    defective: "(index * shards + 0.5)",
    suites: unit("workers/lifecycle/pacer"),
  },
  {
    rule: "a count that is not known any more stays",
    file: "src/topics/topic-table.ts",
    original: "if (count > 0 && count < SATURATED)",
    defective: "if (count > 0)",
    suites: unit("topics/topic-table"),
  },
  {
    rule: "who has ceased to watch is posted nothing",
    file: "src/topics/watchers.ts",
    original:
      "      this.#table.remove(this.#table.slotOf(announcements), this.#column);\n",
    defective: "",
    suites: unit("topics/watchers"),
  },
  {
    rule: "an address gets the place of who has left",
    file: "src/main/accept/address-limits.ts",
    original: "    subtract(this.#total, address, 1);\n",
    defective: "",
    suites: addresses,
  },
  {
    rule: "what a dead shard had admitted is taken back once",
    file: "src/main/accept/address-limits.ts",
    original: "    this.#byShard.delete(shard);\n",
    defective: "",
    suites: addresses,
  },
  {
    rule: "equals take turns",
    file: "src/main/accept/balancer.ts",
    original: "(previous + step) % candidates.length",
    defective: "(previous + step - 1) % candidates.length",
    suites: unit("main/accept/balancer"),
  },
  {
    rule: "a thread that follows on a blocked one is not blocked",
    file: "src/main/shards/shard.ts",
    original: "    this.isBlocked = false;\n    // Nobody takes them",
    defective: "    // Nobody takes them",
    suites: shard,
  },
  {
    rule: "a thread is ended once, however often it is asked for",
    file: "src/main/shards/shard.ts",
    original: "    if (this.#thread?.wasKilled === true) return;\n",
    defective: "",
    suites: shard,
  },
  {
    rule: "nobody waits for a shard that retires to serve again",
    file: "src/main/shards/shard.ts",
    original:
      '    this.#fate = "retires";\n    this.#failWaiting(neverAgain(this.index));\n',
    defective: '    this.#fate = "retires";\n',
    suites: shard,
  },
  {
    rule: "a socket that cannot travel is closed where it is",
    file: "src/main/shards/shard.ts",
    original:
      '      aside(handle?.close(), "closing a socket");\n      this.post({ type: "move-in"',
    defective: '      this.post({ type: "move-in"',
    suites: shard,
  },
  {
    rule: "so many starts in vain are one too many",
    file: "src/main/shards/back-off.ts",
    original: "this.#failedStarts >= MAX_FAILED_STARTS",
    defective: "this.#failedStarts > MAX_FAILED_STARTS",
    suites: shard,
  },
];
