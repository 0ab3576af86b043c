/** Generous on purpose: two busy cores must not fail a test that is right. */
const PATIENCE_MS = 15_000;
const LOOK_AGAIN_MS = 5;

/**
 * Waits for a promise, but not for ever.
 *
 * @param what - What is awaited, for the failure's message.
 * @throws Error when it has not settled in time.
 */
export async function within<Value>(
  what: string,
  promise: PromiseLike<Value>,
  patienceMs = PATIENCE_MS,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    // Made here, so that its stack names the test that waits.
    const error = new Error(`waited ${patienceMs} ms in vain for ${what}`);
    timer = setTimeout(() => reject(error), patienceMs);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits until something holds that no event announces, such as a counter in
 * shared memory.
 *
 * @returns the first value that is neither undefined nor false
 */
export async function until<Value>(
  what: string,
  look: () => Value | undefined | false | Promise<Value | undefined | false>,
  patienceMs = PATIENCE_MS,
): Promise<Value> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > giveUpAt)
      throw new Error(`waited ${patienceMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
