import type { Writable } from "node:stream";

/**
 * Waits until all that was written to some streams has left, or cannot, or the
 * time is up.
 *
 * @returns whether it is out, or can never be
 */
export async function written(
  streams: readonly Pick<Writable, "writableLength" | "write">[],
  patienceMs: number,
): Promise<boolean> {
  const full = streams.filter(({ writableLength }) => writableLength > 0);
  if (full.length === 0) return true;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), patienceMs);
  });
  const out = Promise.all(full.map((stream) => passed(stream)));
  const isOut = await Promise.race([out.then(() => true), tooLate]);
  clearTimeout(timer);
  return isOut;
}

/** Streams keep their order: what follows nothing at all is called back when everything before has gone, or failed. */
function passed(stream: Pick<Writable, "write">): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
