import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { RawClient, upgradeRequest } from "../../support/raw-client.ts";

/** Clients that come for no good: they ask for what makes `authorize` throw, and say what makes `message` throw. */
export class Strangers {
  readonly #port: number;
  /** Requests that were answered with 500. */
  refused = 0;
  /** Connections that said it, and have been closed. */
  closed = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Come one after the other, for as long as something takes. */
  async during(work: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    const end = (): void => over.abort();
    void work.then(end, end);
    const ask = async (): Promise<void> => {
      while (!over.signal.aborted)
        if ((await this.#visit("/%")) === 500) this.refused++;
    };
    const talk = async (): Promise<void> => {
      while (!over.signal.aborted)
        if ((await this.#visit("/", frame(OPCODE.text, "{"))) === 101)
          this.closed++;
    };
    await Promise.all([ask(), talk()]);
  }

  /** Asks, says, and stays until the server ends it; resolves with the status, if there was one. */
  async #visit(
    path: string,
    says: Buffer = Buffer.alloc(0),
  ): Promise<number | undefined> {
    try {
      const client = await RawClient.connect(this.#port, {
        isCleanedUp: false,
      });
      client.onFrame = ({ opcode }) => {
        if (opcode === OPCODE.close) client.socket.end();
      };
      client.write(Buffer.concat([Buffer.from(upgradeRequest(path)), says]));
      const { status } = await client.response();
      await client.ended;
      return status;
    } catch {
      // Between two processes it may be cut before there is an answer.
      return undefined;
    }
  }
}
