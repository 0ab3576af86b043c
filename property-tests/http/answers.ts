import { FrameReader, OPCODE } from "../../src/testing/frame-codec.ts";
import { RawClient } from "../../test/support/raw-client.ts";
import { within } from "../../test/support/within.ts";

/** What became of a request. */
export interface Fate {
  /** The statuses of all responses that came; one, or none. */
  readonly statuses: readonly number[];
  /** Bytes that belong to no response and no frame. */
  readonly stray: string;
  readonly tookMs: number;
}

const HEAD =
  /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[!#$%&'*+\-.^_`|~\w]+: [^\r\n]*\r\n)+)\r\n/;

/**
 * Sends pieces of a request, one after the other, and listens until TCP ends,
 * or until the upgrade is accepted: then the client closes.
 *
 * @param patienceMs - How long the server may take; beyond it this fails.
 */
export async function ask(
  port: number,
  pieces: readonly string[],
  patienceMs: number,
): Promise<Fate> {
  const client = await RawClient.connect(port, { isCleanedUp: false });
  const startedAt = performance.now();
  try {
    for (const piece of pieces) {
      client.write(piece);
      await new Promise(setImmediate);
    }
    void client
      .response(patienceMs)
      .then(({ status }) => {
        if (status === 101) client.sendClose(1000);
      })
      .catch(() => {});
    await within("an answer or an end", client.ended, patienceMs);
    const tookMs = performance.now() - startedAt;
    return { ...judge(Buffer.concat(client.received)), tookMs };
  } finally {
    client.destroy();
  }
}

/** Cuts what came into responses and frames. */
function judge(received: Buffer): { statuses: number[]; stray: string } {
  const statuses: number[] = [];
  let text = received.toString("latin1");
  for (;;) {
    const head = HEAD.exec(text);
    if (head === null) return { statuses, stray: text };
    const [all, status, headers = ""] = head;
    statuses.push(Number(status));
    text = text.slice(all.length);
    if (status === "101") {
      const reader = new FrameReader();
      const frames = reader.push(Buffer.from(text, "latin1"));
      // Whatever came behind the request was frames to the server: it says so in frames.
      const isSane = frames.every(({ opcode }) =>
        [OPCODE.close, OPCODE.text, OPCODE.pong].some((one) => one === opcode),
      );
      return {
        statuses,
        stray: isSane ? reader.rest.toString("latin1") : text,
      };
    }
    const length = Number(/content-length: (\d+)/i.exec(headers)?.[1] ?? 0);
    // A HEAD request is told the length and gets nothing.
    text = text.slice(text.startsWith("HTTP/1.1 ") ? 0 : length);
  }
}
