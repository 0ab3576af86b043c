/**
 * Writes the client's machine as the table that ships: a browser needs no
 * XState for it. With `--check`, only says whether it still matches.
 */
import { readFile, writeFile } from "node:fs/promises";
import { format } from "prettier";
import {
  clientDelays,
  clientEvents,
  clientMachine,
} from "../src/machines/client-machine.ts";
import { buildTransitionTable } from "../src/machines/transition-table.ts";

const file = new URL("../src/client/client-table.ts", import.meta.url);
const { states, initial } = buildTransitionTable(clientMachine, clientEvents);
if (initial.target !== states[0])
  throw new Error("the first state is not the first of the table");

/** The delay of a state ends under the name that all delays share here. */
const AFTER = "after";
const events = [AFTER, ...clientEvents];
const delays = Object.keys(clientDelays);
const steps = states.map(({ steps: each, delayEvent }) =>
  [...each].map(([event, step]) => ({
    event: events.indexOf(event === delayEvent ? AFTER : event),
    step,
  })),
);
const actions = [
  ...new Set(
    steps.flat().flatMap(({ step }) => step.actions.map(({ type }) => type)),
  ),
];
const rows = states.map(({ name }, at) => [
  name,
  Object.fromEntries(
    (steps[at] ?? []).map(({ event, step }) => [
      event,
      [
        step.target.index,
        step.actions.map(({ type }) => actions.indexOf(type)),
        ...(step.delay === undefined ? [] : [delays.indexOf(step.delay)]),
      ],
    ]),
  ),
]);

const text = await format(
  `/**
 * The client's machine (\`src/machines/client-machine.ts\`) as a table, written
 * by \`scripts/client-table.ts\`. A state is its name and, for each event that it
 * answers, the next state, what is done, and the delay that begins.
 */
export const EVENTS = ${JSON.stringify(events)} as const;
export const ACTIONS = ${JSON.stringify(actions)} as const;
export const DELAYS = ${JSON.stringify(delays)} as const;
export type Step = readonly [
  state: number,
  actions: readonly number[],
  delay?: number,
];
export type State = readonly [name: string, steps: Readonly<Record<number, Step>>];
export const STATES: readonly State[] = ${JSON.stringify(rows)};
`,
  { parser: "typescript" },
);
if (process.argv.includes("--check")) {
  if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    console.error(
      'the client\'s table no longer matches its machine: run "node scripts/client-table.ts" and commit what changes',
    );
    process.exitCode = 1;
  }
} else await writeFile(file, text);
