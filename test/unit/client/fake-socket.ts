/** The platform's WebSocket, played by a test: it does what it is told, and remembers. */
export class FakeSocket extends EventTarget {
  static made: FakeSocket[] = [];
  readonly url: string;
  readonly protocols: string | string[] | undefined;
  protocol = "";
  readonly extensions = "permessage-deflate";
  readonly sent: unknown[] = [];
  readonly closedWith: (number | string | undefined)[][] = [];
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  constructor(url: string, protocols?: string | string[]) {
    super();
    this.url = url;
    this.protocols = protocols;
    FakeSocket.made.push(this);
  }

  /** The latest that was made. */
  static get last(): FakeSocket {
    const socket = FakeSocket.made.at(-1);
    if (socket === undefined) throw new Error("no socket was made");
    return socket;
  }

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(code?: number, reason?: string): void {
    this.closedWith.push([code, reason]);
    this.readyState = 2;
  }

  /** @param protocol - That the server has chosen. */
  opens(protocol = ""): void {
    this.protocol = protocol;
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  hears(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  ends(code = 1006, reason = ""): void {
    this.readyState = 3;
    const wasClean = code !== 1006;
    this.dispatchEvent(
      Object.assign(new Event("close"), { code, reason, wasClean }),
    );
  }
}
