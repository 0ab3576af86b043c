import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/**
 * The way between clients and a server, as bad as a test wants it. What it does
 * not relay it keeps, as a black hole does: nobody is told anything.
 */
export class Line {
  /** Where clients connect to. */
  readonly port: number;
  /** Connections that clients have made, ever. */
  attempts = 0;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  #isStalled = false;

  private constructor(port: number) {
    this.port = port;
  }

  /** @param to - The port of the server. */
  static async lay(to: number): Promise<Line> {
    const listener = createServer((client) => line.#join(client, to));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as { port: number };
    const line = new Line(port);
    onTestFinished(() => {
      line.cut();
      listener.close();
    });
    return line;
  }

  /** From now on nothing goes either way, on old connections and on new ones. */
  stall(): void {
    this.#isStalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** All goes its way again, what has waited first. */
  restore(): void {
    this.#isStalled = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Ends every connection without a word: by a reset. */
  cut(): void {
    for (const pair of this.#pairs)
      for (const socket of pair) socket.resetAndDestroy();
  }

  #join(client: Socket, to: number): void {
    this.attempts++;
    const server = connect(to, "127.0.0.1");
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [from, into] of [pair, [server, client] as const]) {
      from.on("data", (bytes: Buffer) => into.write(bytes));
      from.on("end", () => into.end());
      from.on("error", () => into.destroy());
      from.on("close", () => {
        into.destroy();
        this.#pairs.delete(pair);
      });
      if (this.#isStalled) from.pause();
    }
  }
}
