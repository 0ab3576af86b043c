import { until } from "../../support/within.ts";
import { describeInterplay, shardsAre } from "./interplay.ts";

describeInterplay({
  "a rebalance": async ({ server, clients }) => {
    for (const [index, client] of clients.entries())
      if (index % 2 === 1) client.destroy();
    await until(
      "one shard is empty",
      () => server.stats().ledger.live === clients.length / 2,
    );
    const again = (): Promise<unknown> => server.rebalance();
    return { promise: again(), again };
  },

  "a drain of everything": async ({ server }) => {
    const again = (): Promise<unknown> => server.drain().done;
    return { promise: again(), again };
  },

  "a drain of one shard": async ({ server }) => {
    const again = (): Promise<unknown> => server.drain({ shard: 0 }).done;
    return { promise: again(), again };
  },

  "a shard that is emptied": async ({ server }) => {
    const again = (): Promise<unknown> =>
      server.drain({ shard: 0, move: true }).done;
    return { promise: again(), again };
  },

  "a shard that is emptied and ends": async (scene) => {
    const again = (): Promise<unknown> =>
      scene.server.drain({ shard: 0, move: true }).done;
    const promise = again();
    await until("it ends", shardsAre(scene, /closing|draining/));
    return { promise, again };
  },
});
