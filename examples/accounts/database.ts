/** Stands in for a database: every answer takes a while, and a query can be given up. */
import { setTimeout as after } from "node:timers/promises";

const users = new Map([
  ["ann-s-token", "ann"],
  ["bob-s-token", "bob"],
]);
const balances = new Map([
  ["ann", 120],
  ["bob", 80],
]);

/** The user to whom a token belongs, if it is anybody's. */
export async function findUser(
  token: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  await after(20, undefined, { signal });
  return users.get(token);
}

/** Adds to a balance, which may also go down. It is not given up half-way. */
export async function transfer(user: string, amount: number): Promise<number> {
  await after(200);
  const balance = (balances.get(user) ?? 0) + amount;
  balances.set(user, balance);
  return balance;
}
