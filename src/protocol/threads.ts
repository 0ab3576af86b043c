/** A thread that this process has started, and that has not ended yet. */
export interface RunningThread {
  /** Resolves when it is gone. */
  readonly gone: Promise<unknown>;
  /** It was ended before, and waited for in vain. */
  readonly isGivenUp: boolean;
  /** Asks it to end at once, whatever it does. */
  kill(): void;
}

const running = new Set<RunningThread>();

/** Remembers a thread until it is gone. */
export function rememberThread(thread: RunningThread): void {
  running.add(thread);
  void thread.gone.then(() => running.delete(thread));
}

/**
 * Ends every thread of this process. One that is inside a native call
 * (`execFileSync`, `pbkdf2Sync`, a file system that does not answer) cannot be
 * ended: it hears of it when the call returns, and `process.exit()` waits for
 * that as well.
 *
 * @returns whether they are all gone
 */
export async function endThreads(patienceMs: number): Promise<boolean> {
  for (const thread of running) thread.kill();
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  const awaited = [...running].filter(({ isGivenUp }) => !isGivenUp);
  const gone = Promise.all(awaited.map((thread) => thread.gone));
  await Promise.race([gone, tooLate]);
  clearTimeout(timer);
  return running.size === 0;
}
