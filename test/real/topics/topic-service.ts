import {
  type Connection,
  defineHandlers,
  type HandlerShard,
  SluiceError,
} from "../../../src/index.ts";

/** What a client of these tests can order, as JSON text. */
export type Order =
  | { do: "subscribe"; topic: string; whenCongested?: "close" | "drop" }
  | { do: "unsubscribe"; topic: string }
  | { do: "publish"; topic: string; text: string; includeSelf?: boolean }
  /** From outside of any connection. */
  | { do: "announce"; topic: string; text: string }
  /** So many in one go, each a number filled up to `bytes`. */
  | { do: "flood"; topic: string; count: number; bytes: number }
  /** So many, waiting whenever told to. */
  | { do: "pace"; topic: string; count: number; bytes: number }
  | { do: "count"; topic: string }
  /** Joins and leaves of the topic come as messages from then on. */
  | { do: "watch"; topic: string }
  /** The thread dies. */
  | { do: "crash" }
  | { do: "topics" };

let shard: HandlerShard;

/** Does what its clients order, and answers each order with `=` and the result as JSON. */
export default defineHandlers({
  started(handlerShard) {
    shard = handlerShard;
  },

  async message(connection, data, isBinary) {
    if (isBinary) {
      connection.publish("binary", data);
      return;
    }
    const order = JSON.parse(String(data)) as Order;
    let result: unknown;
    try {
      result = await carryOut(connection, order);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      result = { code: error.code, message: error.message };
    }
    connection.send(`=${JSON.stringify(result)}`);
  },

  dropped(connection, missed) {
    connection.send(`dropped ${JSON.stringify(missed)}`);
  },
});

function carryOut(
  connection: Connection,
  order: Order,
): string | boolean | object | Promise<object> {
  switch (order.do) {
    case "subscribe": {
      const { whenCongested = "close" } = order;
      return connection.subscribe(order.topic, { whenCongested });
    }
    case "unsubscribe":
      return connection.unsubscribe(order.topic);
    case "publish": {
      const { includeSelf = false } = order;
      return connection.publish(order.topic, order.text, { includeSelf });
    }
    case "announce":
      return shard.publish(order.topic, order.text);
    case "flood":
    case "pace":
      return publishMany(connection, order, order.do === "pace");
    case "count":
      return shard.subscribers(order.topic);
    case "watch":
      shard.watch(order.topic, ({ type, topic, connection: id }) =>
        connection.send(`${id} ${type} ${topic}`),
      );
      return true;
    case "crash":
      setTimeout(() => {
        throw new Error("crashed on purpose");
      });
      return true;
    case "topics":
  }
  return {
    id: connection.id,
    shard: shard.index,
    topics: [...connection.topics],
    dropped: connection.droppedMessages,
  };
}

/** @returns how many publications got which status */
async function publishMany(
  connection: Connection,
  { topic, count, bytes }: { topic: string; count: number; bytes: number },
  isPatient: boolean,
): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  // What was published before may not have been passed on yet.
  if (isPatient) await connection.published();
  for (let i = 0; i < count; i++) {
    const status = connection.publish(topic, `${i} `.padEnd(bytes, "."));
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (isPatient && status === "congested") await connection.published();
  }
  return statuses;
}
