import { describe, expect, it } from "vitest";
import { channels } from "../../../src/index.ts";
import { overhear } from "../../support/diagnostics.ts";
import { RawClient, type Response } from "../../support/raw-client.ts";
import { shareServer } from "../../support/server.ts";

/** Whose `authorize` returns what the query says, as JSON, and whose connections tell their subprotocol. */
const ECHO_VERDICT = `data:text/javascript,${encodeURIComponent(`
  export default {
    authorize({ url }) {
      const query = new URL(url, "ws://localhost").search.slice(1);
      return query === "" ? undefined : JSON.parse(decodeURIComponent(query));
    },
    message(connection) {
      connection.send(JSON.stringify(connection.subprotocol));
    },
  };
`)}`;

describe("authorize", () => {
  const failures = overhear(channels.handlerError, "suite");
  const shared = shareServer({
    handlers: ECHO_VERDICT,
    subprotocols: ["superchat", "v2.chat"],
  });
  const ask = async (
    verdict: unknown,
    offered?: string,
  ): Promise<Response & { client: RawClient }> => {
    const query = encodeURIComponent(JSON.stringify(verdict) ?? "");
    const client = await RawClient.connect(shared().port);
    const response = await client.upgrade(`/?${query}`, {
      "Sec-WebSocket-Protocol": offered,
    });
    return { ...response, client };
  };

  it.each([
    { accept: "false" },
    { accept: "true" },
    { accept: 1 },
    { accept: {} },
    {},
    null,
    "yes",
    [{ accept: true }],
    { accept: true, status: 403 },
    { accept: false },
    { accept: false, status: "403" },
  ])("lets nobody in by %j, and says what was wrong", async (verdict) => {
    failures.clear();
    const { status } = await ask(verdict);
    expect(status).toBe(500);
    const { error } = await failures.said({ hook: "authorize" });
    expect(error).toMatchObject({
      name: "SluiceError",
      message: expect.stringMatching(/^authorize returned .*it takes/),
    });
  });

  it.each([
    ["agrees to none where the client offers none", undefined, undefined],
    ["agrees to none that is not spoken here", "chat", undefined],
    [
      "agrees to the client's first that is spoken",
      "chat, v2.chat, superchat",
      "v2.chat",
    ],
    ["tells subprotocols in other cases apart", "SuperChat", undefined],
  ])("%s", async (_, offered, agreed) => {
    const { status, headers, client } = await ask(undefined, offered);
    expect(status).toBe(101);
    expect(headers["sec-websocket-protocol"]).toBe(agreed);
    client.send("?");
    expect(JSON.parse(await client.message())).toBe(agreed ?? "");
  });

  it("may accept without a subprotocol", async () => {
    const verdict = { accept: true, subprotocol: null };
    const { status, headers, client } = await ask(verdict, "superchat");
    expect(status).toBe(101);
    expect(headers).not.toHaveProperty("sec-websocket-protocol");
    client.send("?");
    expect(await client.message()).toBe('""');
  });

  it("may agree to one that the option does not name", async () => {
    const verdict = { accept: true, subprotocol: "chat" };
    const { headers } = await ask(verdict, "superchat, chat");
    expect(headers["sec-websocket-protocol"]).toBe("chat");
  });
});
