import * as fc from "fast-check";
import { lives } from "../../src/testing/fast-check.ts";
import { createService, orders } from "./service.ts";

const LIVES = 3;

/** What lives of one seed come to, step by step; the program prints it. */
export async function hashOfLives(instances: number): Promise<string> {
  const hashes: string[] = [];
  await fc.assert(
    lives({
      handlers: createService,
      messages: fc.constantFrom(...orders),
      variesOptions: true,
      instances,
      onEnd: ({ hash }) => {
        hashes.push(hash);
      },
    }),
    { numRuns: LIVES, seed: 7 },
  );
  return hashes.join(" ");
}

if (import.meta.main) console.log(await hashOfLives(Number(process.argv[2])));
