/** Opens many connections without overrunning the server's accept queue. */
import { Client, type ClientEvents } from "./client.ts";
import type { Target } from "./plan.ts";
import type { Script } from "./script.ts";

/** How many connections may be opening at once. */
const openingAtOnce = 128;

/** What a load does once its clients are open; opening is done here. */
export type OpenClientEvents = Omit<ClientEvents, "opened">;

/**
 * Opens `count` connections, a bounded number at a time.
 *
 * @param target - Where to.
 * @param scripts - Given to the connections in turn.
 * @param count - How many.
 * @param events - Told of everything but the opening.
 * @returns The clients, all of them open.
 * @throws Error when one of them ends before all are open.
 */
export async function openClients(
  target: Target,
  scripts: readonly Script[],
  count: number,
  events: OpenClientEvents,
): Promise<Client[]> {
  const clients: Client[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Client[]>();
  let opened = 0;
  const openNext = (): void => {
    const index = clients.length;
    const script = scripts[index % scripts.length];
    if (index >= count || script === undefined) return;
    clients.push(
      Client.connect(target, script, index, {
        ...events,
        opened: () => {
          opened += 1;
          if (opened === count) resolve(clients);
          else openNext();
        },
        ended: (client, error) => {
          // Once all are open this settles nothing any more.
          reject(
            new Error(`Connection ${client.index} of ${count} failed to open`, {
              cause: error,
            }),
          );
          events.ended(client, error);
        },
      }),
    );
  };
  for (let index = 0; index < Math.min(count, openingAtOnce); index++) {
    openNext();
  }
  return promise;
}
