import { once } from "node:events";
import { connect } from "node:net";
import { frame, OPCODE } from "../../support/frames.ts";
import { upgradeRequest } from "../../support/raw-client.ts";

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

  /** Asks, says, and stays until the server ends it; resolves with the status. */
  async #visit(path: string, says: Buffer = Buffer.alloc(0)): Promise<number> {
    const socket = connect({ port: this.#port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write(Buffer.concat([Buffer.from(upgradeRequest(path)), says]));
    let heard = "";
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString("latin1");
      // Enough of a close frame has come, or the refusal.
      if (says.length > 0 && /\r\n\r\n[^]*\x88/.test(heard)) socket.end();
    });
    await once(socket, "close");
    return Number(heard.split(" ")[1]);
  }
}
