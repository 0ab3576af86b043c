import {
  type CompressionAgreement,
  createCompressor,
  createInflater,
} from "../websocket/ws-engine.ts";
import type { LiveConnection } from "./connection.ts";
import { PooledCompression } from "./pooled-compression.ts";

/** From now on the connection's messages are compressed as was agreed. */
export function compress(
  connection: LiveConnection,
  agreement: CompressionAgreement,
): void {
  if (agreement.kind === "anew") {
    const pooled = new PooledCompression(connection, agreement.windowBits);
    connection.inflater = pooled;
    connection.compressor = pooled;
    return;
  }
  const { extensions } = agreement;
  connection.shard.counters.add("windowsKept");
  connection.inflater = createInflater(extensions);
  connection.compressor = createCompressor(
    extensions,
    {
      get destroyed() {
        return !connection.transport.isWritable;
      },
      write: (frame) => connection.writer.bytes(frame),
    },
    () => connection.compressorMoved(),
  );
}
