import {
  CLOSE_CODE,
  isSendableCloseCode,
  SENDABLE_CLOSE_CODES,
} from "../rfc6455.ts";
import { MAX_DELAY_MS } from "../config/units.ts";
import { SluiceError, type SluiceErrorCode } from "../errors.ts";
import type { Call } from "./call.ts";
import { CallError } from "./call-error.ts";
import type { DrainLog } from "./drains.ts";
import {
  type Fields,
  readDuration,
  readFlag,
  readInteger,
  readText,
} from "./fields.ts";
import type { Following } from "./following.ts";
import { plain, type Routes } from "./router.ts";
import {
  type InspectedServer,
  readShard,
  shardAt,
} from "./inspected-server.ts";
import { publishByHand, publishFields } from "./topics.ts";

const MAX_REASON_BYTES = 123;
const MAY_BE_EMPTY = { minLength: 0, maxLength: MAX_REASON_BYTES };

/** What a caller can do something about; anything else is a fault of ours. */
const failureStatuses: Readonly<Partial<Record<SluiceErrorCode, number>>> = {
  ERR_SLUICE_OPTION: 400,
  ERR_SLUICE_TOPIC: 400,
  ERR_SLUICE_PAYLOAD: 413,
  ERR_SLUICE_STATE: 409,
  // What is on disk by now does not work, and the old version serves on.
  ERR_SLUICE_RELOAD: 422,
  ERR_SLUICE_UPGRADE: 422,
  ERR_SLUICE_CLUSTER: 503,
};

/** Everything that changes or sends something. */
export function actionRoutes(
  server: InspectedServer,
  following: Following,
  drains: DrainLog,
): Routes {
  const shardOf = (call: Call): number => {
    const { shard = "" } = call.params;
    const index = /^\d{1,3}$/.test(shard) ? Number(shard) : -1;
    if (shardAt(server, index) !== undefined) return index;
    const indexes = server.shards.map((each) => each.index).join(", ");
    throw new CallError(
      404,
      `there is no shard ${shard}; there are ${indexes}`,
    );
  };
  const drain = (call: Call, fields: Fields, shard?: number): void => {
    const aimed = shard ?? readShard(fields, server);
    const pathPrefix = readText(fields, "pathPrefix");
    const olderThanMs = readDuration(fields, "olderThanMs", 0, MAX_DELAY_MS);
    const deadlineMs = readDuration(fields, "deadlineMs", 1, MAX_DELAY_MS);
    const target = {
      ...(readFlag(fields, "move") === true && { move: true }),
      ...(aimed !== undefined && { shard: aimed }),
      ...(pathPrefix !== undefined && { pathPrefix }),
      ...(olderThanMs !== undefined && { olderThanMs }),
      ...(deadlineMs !== undefined && { deadlineMs }),
    };
    call.json(drains.add(server.drain(target), target), 202);
  };
  const resume = (call: Call, shard?: number): void => {
    requireListening(server, "resume");
    server.resume(shard);
    call.json({});
  };

  return {
    "POST /api/drain": {
      takes: ["shard", "pathPrefix", "olderThanMs", "deadlineMs", "move"],
      handle: (call, fields) => drain(call, fields),
    },
    "POST /api/resume": {
      takes: ["shard"],
      handle: (call, fields) => resume(call, readShard(fields, server)),
    },
    "POST /api/drains/:id/call-off": plain((call) => {
      drains.callOff(idOf(call));
      call.json(drains.find(idOf(call)));
    }),
    "POST /api/shards/:shard/drain": {
      takes: ["deadlineMs", "move"],
      handle: (call, fields) => drain(call, fields, shardOf(call)),
    },
    "POST /api/shards/:shard/resume": plain((call) =>
      resume(call, shardOf(call)),
    ),
    "POST /api/shards/:shard/restart": plain((call) => {
      const shard = shardOf(call);
      requireListening(server, "restart");
      if (!shardAt(server, shard)?.state.startsWith("serving"))
        throw new CallError(409, `shard ${shard} does not serve at the moment`);
      server.restartShard(shard).catch(() => {
        // What became of it is the shard's state, which everyone sees.
      });
      call.json({}, 202);
    }),
    "POST /api/reload": plain(async (call) => {
      requireListening(server, "reload");
      call.json(await server.reload());
    }),
    "POST /api/upgrade": plain(async (call) => {
      requireListening(server, "upgrade");
      call.json(await server.upgrade());
    }),
    "POST /api/rebalance": plain(async (call) => {
      requireListening(server, "rebalance");
      call.json(await server.rebalance());
    }),
    "POST /api/connections/:id/close": {
      takes: ["code", "reason"],
      async handle(call, fields) {
        const code =
          readInteger(fields, "code", 1000, 4999) ?? CLOSE_CODE.normal;
        if (!isSendableCloseCode(code))
          throw new CallError(
            400,
            `code: got ${code}, takes ${SENDABLE_CLOSE_CODES}`,
          );
        const reason = readText(fields, "reason", MAY_BE_EMPTY) ?? "";
        if (Buffer.byteLength(reason) > MAX_REASON_BYTES)
          throw new CallError(
            400,
            `reason: takes at most ${MAX_REASON_BYTES} bytes of UTF-8`,
          );
        await following.close(connectionOf(call), code, reason);
        call.json({}, 202);
      },
    },
    "POST /api/topics/publish": {
      takes: publishFields,
      handle: async (call, fields) =>
        call.json(await publishByHand(server, fields)),
    },
    "POST /api/shutdown": {
      takes: ["deadlineMs", "reason"],
      handle(call, fields) {
        const deadlineMs = readDuration(fields, "deadlineMs", 1, MAX_DELAY_MS);
        const reason =
          readText(fields, "reason", { maxLength: 200 }) ?? "inspector";
        server
          .shutdown({ reason, ...(deadlineMs !== undefined && { deadlineMs }) })
          .catch(() => {
            // Called off, or failed: `terminated` and the status tell.
          });
        call.json({}, 202);
      },
    },
    "POST /api/shutdown/call-off": plain((call) => {
      if (!server.callOff())
        throw new CallError(
          409,
          server.ready
            ? "no shutdown is under way"
            : "too late: every connection has been told",
        );
      call.json({});
    }),
    "POST /api/shutdown/force": plain((call) => {
      if (server.state !== "closing" && server.state !== "draining")
        throw new CallError(409, "no shutdown is under way");
      server.force();
      call.json({}, 202);
    }),
  };
}

/** The number of a connection, from its id or itself: `c42` or `42`. */
export function connectionOf({ params: { id = "" } }: Call): number {
  const number = /^c?(\d{1,15})$/.exec(id)?.[1];
  if (number !== undefined) return Number(number);
  throw new CallError(
    400,
    "a connection's id is a c and a number, such as c42",
  );
}

/** The number of a drain. */
export function idOf({ params: { id = "" } }: Call): number {
  if (/^\d{1,9}$/.test(id)) return Number(id);
  throw new CallError(404, "a drain's id is a number");
}

/** The status and sentence for what an action threw; undefined for a fault of ours. */
export function describeFailure(
  error: unknown,
): { status: number; message: string } | undefined {
  if (error instanceof CallError) return error;
  const status =
    error instanceof SluiceError ? failureStatuses[error.code] : undefined;
  if (status === undefined) return undefined;
  return { status, message: (error as SluiceError).message };
}

function requireListening(server: InspectedServer, verb: string): void {
  // One that lacks shards is not ready, and may well be asked to reload.
  if (!server.ready && server.state !== "listening")
    throw new CallError(
      409,
      `${verb}: the server is ${server.state}, it has to be listening`,
    );
}
