import { describe, expect, it } from "vitest";
import { resolveConfig, type ServerOptions } from "../../../../src/config.ts";
import type { Handlers } from "../../../../src/handlers.ts";
import type { ConnectionEventType } from "../../../../src/machines/connection-machine.ts";
import type {
  Arrival,
  ShardMessage,
} from "../../../../src/protocol/messages.ts";
import { LiveRequest } from "../../../../src/workers/connection/request.ts";
import { AddressLimit } from "../../../../src/workers/handshake/address-limit.ts";
import {
  Handshake,
  type HandshakeHost,
  type HandshakeOwner,
} from "../../../../src/workers/handshake/handshake.ts";
import { originRule } from "../../../../src/workers/handshake/origins.ts";
import type { RequestHead } from "../../../../src/workers/handshake/request-head.ts";
import { Hooks } from "../../../../src/workers/hooks.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";
import { upgrade } from "./requests.ts";

/** No context takeover on both sides (RFC 7692, 7.1.1). */
const BOTH = "; server_no_context_takeover; client_no_context_takeover";

function described(agreement: Handshake["compression"]): string {
  if (agreement?.kind !== "anew") return agreement?.kind ?? "none";
  return `anew in ${agreement.windowBits}`;
}

/** A connection that is shaking hands, until the handshake has a verdict. */
class Owner extends FakeConnection implements HandshakeOwner {
  readonly request = new LiveRequest(this);
  remoteAddress = "192.0.2.1";
  head: RequestHead | null = null;
  data: unknown = undefined;
  subprotocol = "";
  isHandshaking = true;

  override tell(event: ConnectionEventType): void {
    super.tell(event);
    this.isHandshaking = false;
  }
}

interface Details {
  readonly authorize?: Handlers["authorize"];
  readonly options?: ServerOptions;
  readonly arrival?: Pick<Arrival, "isProbe" | "refusal">;
  readonly isLimited?: boolean;
}

/** A handshake in a shard made by hand. */
function begin({
  authorize,
  options,
  arrival = {},
  isLimited = false,
}: Details = {}) {
  const posted: ShardMessage[] = [];
  const tracked: PromiseLike<void>[] = [];
  const failures: string[] = [];
  const foreign: string[] = [];
  const owner = new Owner(7);
  const addressLimit = isLimited
    ? new AddressLimit((message) => void posted.push(message))
    : null;
  const host: HandshakeHost = {
    config: resolveConfig(options),
    handshakePolicy: { allowsOrigin: originRule("same"), ready: true },
    hooks: new Hooks(
      authorize === undefined ? {} : { authorize },
      () => undefined,
    ),
    addressLimit,
    reportForeignOrigin: (_, origin, at) =>
      void foreign.push(`${origin} ${at}`),
    track: (work) => void tracked.push(work),
    reportHookFailure: (_, hook, error) =>
      void failures.push(`${hook}: ${(error as Error).message}`),
  };
  const handshake = new Handshake(owner, host, arrival);
  return {
    owner,
    handshake,
    posted,
    failures,
    foreign,
    addressLimit,
    read: (text: string) => handshake.read(Buffer.from(text, "latin1")),
    /** What `authorize` has promised is there. */
    decided: () => Promise.all(tracked),
  };
}

describe("the opening handshake of one connection", () => {
  it("accepts a good request, in however many pieces it comes", () => {
    const { owner, handshake, read } = begin();
    const text = upgrade();
    read(text.slice(0, 20));
    expect(owner.told).toEqual([]);
    read(text.slice(20));
    expect(owner.told).toEqual(["upgrade.accepted"]);
    expect(handshake.acceptance?.toString()).toContain(
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    );
    expect(owner.request.path).toBe("/chat");
  });

  it("keeps the frames that come behind the request, in order", () => {
    const { handshake, read } = begin({
      authorize: () => new Promise(() => {}),
    });
    read(`${upgrade()}first`);
    read("second");
    expect(handshake.early.map(String)).toEqual(["firstsecond"]);
  });

  it.each([
    ["behind the request", [`${upgrade()}${"x".repeat(4_097)}`]],
    ["byte after byte", [`${upgrade()}${"x".repeat(4_096)}`, "x"]],
    ["in one piece of its own", [upgrade(), "x".repeat(256 * 1024)]],
  ])(
    "refuses a client that says more than 4 KiB before it has an answer, %s",
    (_, pieces) => {
      const { owner, handshake, read } = begin({
        authorize: () => new Promise(() => {}),
      });
      for (const piece of pieces.slice(0, -1)) read(piece);
      expect(owner.told).toEqual([]);
      read(pieces.at(-1) as string);
      expect(owner.told).toEqual(["upgrade.refused"]);
      expect(handshake.answer?.status).toBe(400);
      expect(handshake.early).toEqual([]);
    },
  );

  it("keeps no more alive than what came early", async () => {
    const { handshake, read } = begin({
      authorize: () => new Promise(() => {}),
    });
    read(`${upgrade()}x`);
    const pinned = handshake.early.map(({ buffer }) => buffer.byteLength);
    expect(pinned).toEqual([1]);
  });

  it("refuses a malformed request once, and reads no more of it", () => {
    const { owner, handshake, read } = begin();
    read("GET /chat HTTP/1.1\r\nno header\r\n\r\n");
    read(upgrade());
    expect(owner.told).toEqual(["upgrade.refused"]);
    expect(handshake.answer?.status).toBe(400);
  });

  it("refuses another site's page, and says which", () => {
    const { owner, handshake, read, foreign } = begin();
    read(upgrade({ Origin: "https://elsewhere.test" }));
    expect(owner.told).toEqual(["upgrade.refused"]);
    expect(handshake.answer?.status).toBe(403);
    expect(foreign).toEqual(["https://elsewhere.test server.example.com"]);
  });

  it("refuses who was over a limit when it was accepted, and says when to come back", () => {
    const { handshake, read } = begin({
      arrival: { refusal: "too-many-connections" },
      authorize: () => {
        throw new Error("nobody is asked");
      },
    });
    read(upgrade());
    expect(handshake.answer).toMatchObject({
      status: 503,
      reason: "too-many-connections",
      headers: { "Retry-After": "5" },
    });
  });

  it("takes data and subprotocol from who was asked", async () => {
    const { owner, read, decided } = begin({
      authorize: async () => ({
        accept: true,
        data: { user: "ann" },
        subprotocol: "superchat",
      }),
    });
    read(upgrade({ "Sec-WebSocket-Protocol": "chat, superchat" }));
    expect(owner.told).toEqual([]);
    await decided();
    expect(owner.told).toEqual(["upgrade.accepted"]);
    expect(owner).toMatchObject({
      data: { user: "ann" },
      subprotocol: "superchat",
    });
  });

  it("refuses whom it was told to refuse", () => {
    const { handshake, read } = begin({
      authorize: () => ({ accept: false, status: 401, body: "who are you?" }),
    });
    read(upgrade());
    expect(handshake.answer).toMatchObject({
      status: 401,
      reason: "unauthorized",
      body: "who are you?",
    });
  });

  it.each<[string, NonNullable<Handlers["authorize"]>]>([
    [
      "throws",
      () => {
        throw new Error("no database");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no database"))],
  ])("refuses with 500 when who is asked %s", async (_, authorize) => {
    const { handshake, read, decided, failures } = begin({ authorize });
    read(upgrade());
    await decided();
    expect(handshake.answer).toMatchObject({
      status: 500,
      reason: "handler-failed",
    });
    expect(failures).toEqual(["authorize: no database"]);
  });

  it("tells who is asked that it is too late, and takes neither a verdict nor an abort from it then", async () => {
    let heard: AbortSignal | undefined;
    const verdict = Promise.withResolvers<undefined>();
    const { owner, handshake, read, decided, failures } = begin({
      authorize: (_, signal) => {
        heard = signal;
        return verdict.promise;
      },
    });
    read(upgrade());
    owner.isHandshaking = false;
    handshake.abort();
    expect(heard?.aborted).toBe(true);
    verdict.reject(new DOMException("stopped", "AbortError"));
    await decided();
    expect([owner.told, failures]).toEqual([[], []]);
  });

  it("asks main whether there is room for the address, and nobody else before", () => {
    const { owner, read, posted, addressLimit } = begin({ isLimited: true });
    read(upgrade());
    expect(owner.told).toEqual([]);
    expect(posted).toEqual([{ type: "admit", id: 7, address: "192.0.2.1" }]);
    addressLimit?.answer(7, true);
    expect(owner.told).toEqual(["upgrade.accepted"]);
  });

  it("refuses an address that has too many", () => {
    const { handshake, read, addressLimit } = begin({ isLimited: true });
    read(upgrade());
    addressLimit?.answer(7, false);
    expect(handshake.answer).toMatchObject({
      status: 503,
      reason: "too-many-from-address",
    });
  });

  it("agrees to compression where both sides want it, and refuses an offer that cannot be read", () => {
    const offer = (extensions: string, contextTakeover = false) => {
      const made = begin({ options: { compression: true, contextTakeover } });
      made.read(upgrade({ "Sec-WebSocket-Extensions": extensions }));
      return made.handshake;
    };
    expect(offer("permessage-deflate").acceptance?.toString()).toContain(
      "Sec-WebSocket-Extensions: permessage-deflate",
    );
    expect(offer("permessage-deflate; =").answer?.status).toBe(400);
  });

  it.each<[string, boolean, string | undefined, string]>([
    ["", false, BOTH, "anew in 15"],
    ["", true, "", "kept"],
    [BOTH, true, BOTH, "anew in 15"],
    [
      "; server_no_context_takeover",
      true,
      "; server_no_context_takeover",
      "kept",
    ],
    [
      "; server_max_window_bits=10; client_max_window_bits",
      false,
      `; server_max_window_bits=10${BOTH}`,
      "anew in 10",
    ],
    // zlib cannot keep to so small a window.
    ["; server_max_window_bits=8", false, undefined, "none"],
  ])(
    "agrees on windows: to the offer %j, with contextTakeover %j, it answers %j",
    (offered, contextTakeover, answered, agreement) => {
      const { handshake, read } = begin({
        options: { compression: true, contextTakeover },
      });
      const extensions = `permessage-deflate${offered}`;
      read(upgrade({ "Sec-WebSocket-Extensions": extensions }));
      const header =
        /Sec-WebSocket-Extensions: permessage-deflate(.*)\r\n/.exec(
          handshake.acceptance?.toString() ?? "",
        );
      expect(header?.[1]).toBe(answered);
      expect(described(handshake.compression)).toBe(agreement);
    },
  );
});
