import { useEffect, useState } from "preact/hooks";
import type { MachineStatus } from "../src/admin/api.ts";
import type { Chart } from "../src/diagrams/layout.ts";
import { type PackedChart, unpack } from "../src/diagrams/packed.ts";
import { read } from "./api.ts";

const EVERY_MS = 1_000;

/** The machine that handlers run for each connection. */
export interface OwnMachine {
  readonly chart: Chart;
  readonly population: ReadonlyMap<string, number>;
}

/**
 * Asks for the handlers' own machine; undefined where they run none.
 *
 * @param isFollowed - Asks again each second.
 */
export function useMachine(isFollowed: boolean): OwnMachine | undefined {
  const [machine, setMachine] = useState<OwnMachine | undefined>(undefined);
  useEffect(() => {
    const ask = (): void =>
      void read<MachineStatus>("/api/machine").then(
        ({ chart, population }) => {
          const drawn = chart === undefined ? undefined : parse(chart);
          setMachine(
            drawn && { chart: drawn, population: new Map(population) },
          );
        },
        () => {
          // Lost, as is shown above; what was known stays.
        },
      );
    ask();
    if (!isFollowed) return undefined;
    const timer = setInterval(ask, EVERY_MS);
    return () => clearInterval(timer);
  }, [isFollowed]);
  return machine;
}

/** Somebody else's module has drawn it: it need not be a chart. */
function parse(text: string): Chart | undefined {
  try {
    return unpack(JSON.parse(text) as PackedChart);
  } catch {
    return undefined;
  }
}
