import type { Outcome, SluiceErrorCode } from "../../src/index.ts";

/** What each outcome tells the operator. */
export const outcomeMeanings: Readonly<Record<Outcome, string>> = {
  rejected:
    "never opened: a refused upgrade, a bad request, plain HTTP without the hook `request`, the handshake deadline",
  served: "spoke plain HTTP alone, and every request was answered whole",
  cut: "spoke plain HTTP alone, and ended with a request that was not answered whole",
  clean: "close frames went both ways",
  unacknowledged:
    "our close frame was flushed to the kernel; the client's did not come in time, or could not be read any more",
  forced:
    "destroyed at its deadline with bytes, or the close frame itself, still unflushed",
  lost: "TCP ended or broke, or the heartbeat failed, without a closing handshake",
  crashed: "its worker thread died",
};

/** Close codes that Sluice sends or reports, unless the options say otherwise. */
export const closeCodeMeanings: readonly (readonly [
  code: number,
  where: string,
  meaning: string,
])[] = [
  [1000, "sent", "`connection.close()` without a code"],
  [
    1001,
    "sent",
    "shutdown or drain (`closeCode`); the reason is `retry-after-ms=` and the client's own time to come back",
  ],
  [1002, "sent", "the client broke the protocol (RFC 6455)"],
  [1007, "sent", "text that is not UTF-8, or data that does not decompress"],
  [
    1008,
    "sent",
    "more than `maxMessagesPerSecond` or `maxBytesPerSecond`, a message in too many fragments, or not whole after `messageDeadlineMs`",
  ],
  [1009, "sent", "a message above `maxPayloadBytes`"],
  [
    1011,
    "sent",
    "a handler threw or rejected; the error is published with its stack",
  ],
  [
    1012,
    "sent",
    "could not move to another shard or process; the reason is the client's own time to come back, as with 1001",
  ],
  [
    1013,
    "sent",
    "the client reads too slowly: above `maxBufferedBytes`, or congested for longer than `congestionDeadlineMs`; or it holds most when all hold `maxMemoryBytes` (`congestionCloseCode`)",
  ],
  [1005, "reported", "the client's close frame had no code"],
  [1006, "reported", "there was no close frame"],
];

/** When each error comes, and what to do about it. */
export const errorMeanings: Readonly<Record<SluiceErrorCode, string>> = {
  ERR_SLUICE_OPTION:
    "an option that does not exist, is out of range, or contradicts another; the message names it, what it got and what it takes",
  ERR_SLUICE_HANDLERS:
    "the handlers module cannot be loaded or is not an object of hooks, or `authorize` returned what cannot be sent",
  ERR_SLUICE_LISTEN:
    "the address cannot be listened on; `cause` has the system's error",
  ERR_SLUICE_ADMIN:
    "the inspector cannot listen, or needs a package that is not installed",
  ERR_SLUICE_RUNTIME: "this Node is too old",
  ERR_SLUICE_SHARD_START:
    "a worker thread could not be started, or died again and again; `cause` says why",
  ERR_SLUICE_SHUTDOWN_CALLED_OFF:
    "`shutdown()` rejects with it after `callOff()`",
  ERR_SLUICE_STATE:
    "not possible in the server's present state, or for a shard that does not exist",
  ERR_SLUICE_RELOAD: "the new version failed; the old one serves on",
  ERR_SLUICE_UPGRADE: "the new process failed; the old one serves on",
  ERR_SLUICE_TLS: "key or certificate cannot be read or do not fit together",
  ERR_SLUICE_CLOSE_CODE:
    "`close()` with a code that must not be sent (RFC 6455, 7.4)",
  ERR_SLUICE_CLOSE_REASON: "`close()` with a reason above 123 bytes",
  ERR_SLUICE_MESSAGE:
    "`send()` or `publish()` with something that is neither text nor bytes",
  ERR_SLUICE_TOPIC:
    "a topic that is no text, empty, or longer than `maxTopicLengthBytes`",
  ERR_SLUICE_TOPIC_LIMIT:
    "`subscribe()` to one topic more than `maxTopicsPerConnection`",
  ERR_SLUICE_PAYLOAD: "`publish()` of more than `maxPayloadBytes`",
  ERR_SLUICE_CLUSTER:
    "the NATS client is not installed, or the registry of instances cannot be reached",
};
