/**
 * A service that knows its users and waits for a database.
 *
 *     npm start -- examples/accounts/handlers.ts
 *
 * Clients come with `Authorization: Bearer ann-s-token` (or `?token=`, since
 * browsers cannot set headers) and send `{ "id": 1, "amount": 5 }`. Stop the
 * server right after a request: the answer arrives before the close frame.
 */
import { defineHandlers } from "sluice";

import { findUser, transfer } from "./database.ts";

interface Account {
  readonly user: string;
  transfers: number;
}

interface Request {
  readonly id: number;
  readonly amount: number;
}

export default defineHandlers<Account>({
  async authorize({ url, headers }, signal) {
    const { searchParams } = new URL(`ws://localhost${url}`);
    const [, bearer] =
      /^Bearer (.+)$/.exec(headers["authorization"] ?? "") ?? [];
    const token = bearer ?? searchParams.get("token");
    const user = token === null ? undefined : await findUser(token, signal);
    if (user === undefined)
      return {
        accept: false,
        status: 401,
        headers: { "WWW-Authenticate": "Bearer" },
      };
    return { accept: true, data: { user, transfers: 0 } };
  },

  async message(connection, data) {
    const request = parse(data);
    if (request === undefined) {
      connection.close(1007, 'send { "id": 1, "amount": 5 }');
      return;
    }
    const { user } = connection.data;
    const balance = await transfer(user, request.amount);
    connection.data.transfers++;
    connection.send(JSON.stringify({ id: request.id, user, balance }));
  },

  draining(connection) {
    const { transfers } = connection.data;
    connection.send(JSON.stringify({ goodbye: true, transfers }));
  },
});

function parse(data: Buffer): Request | undefined {
  try {
    const value: unknown = JSON.parse(data.toString());
    return isRequest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRequest(value: unknown): value is Request {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    "amount" in value &&
    Number.isInteger(value.id) &&
    Number.isFinite(value.amount)
  );
}
