/**
 * The client's machine (`src/machines/client-machine.ts`) as a table, written
 * by `scripts/client-table.ts`. A state is its name and, for each event that it
 * answers, the next state, what is done, and the delay that begins.
 */
export const EVENTS = [
  "after",
  "open.requested",
  "close.requested",
  "address.ready",
  "address.failed",
  "address.refused",
  "socket.opened",
  "socket.lost",
  "socket.dismissed",
  "server.heard",
  "page.woke",
  "network.left",
  "network.came",
  "appointment.given",
] as const;
export const ACTIONS = [
  "askForAddress",
  "announceEnd",
  "stopAsking",
  "makeSocket",
  "countFailure",
  "setTurn",
  "announceInterruption",
  "dropSocket",
  "announceOpen",
  "sendClose",
  "judgeOpen",
  "sendProbe",
  "hasten",
] as const;
export const DELAYS = [
  "turn",
  "longestOffline",
  "addressDeadline",
  "connectDeadline",
  "quiet",
  "probeDeadline",
  "closeDeadline",
] as const;
export type Step = readonly [
  state: number,
  actions: readonly number[],
  delay?: number,
];
export type State = readonly [
  name: string,
  steps: Readonly<Record<number, Step>>,
];
export const STATES: readonly State[] = [
  ["resting", { "1": [1, [0], 2], "2": [2, [1]] }],
  [
    "preparing",
    {
      "0": [4, [2, 4, 5, 6], 0],
      "2": [2, [2, 1]],
      "3": [3, [2, 3], 3],
      "4": [4, [2, 4, 5, 6], 0],
      "5": [2, [2, 1]],
    },
  ],
  ["closed", {}],
  [
    "connecting",
    {
      "0": [4, [7, 4, 5, 6], 0],
      "2": [2, [7, 1]],
      "6": [5, [8], 4],
      "7": [4, [7, 4, 5, 6], 0],
      "8": [2, [7, 1]],
    },
  ],
  [
    "waiting.backingOff",
    {
      "0": [1, [0], 2],
      "1": [1, [0], 2],
      "2": [2, [1]],
      "10": [1, [0], 2],
      "11": [6, [], 1],
      "12": [1, [0], 2],
      "13": [7, [], 0],
    },
  ],
  [
    "open.healthy",
    {
      "0": [9, [11], 5],
      "2": [8, [9], 6],
      "7": [4, [7, 10, 5, 6], 0],
      "8": [2, [7, 1]],
      "9": [5, [], 4],
      "10": [9, [11], 5],
      "11": [9, [11], 5],
      "12": [9, [11], 5],
    },
  ],
  [
    "offline",
    { "0": [1, [0], 2], "1": [1, [0], 2], "2": [2, [1]], "12": [4, [12], 0] },
  ],
  [
    "waiting.appointed",
    {
      "0": [1, [0], 2],
      "1": [1, [0], 2],
      "2": [2, [1]],
      "10": [7, [], 0],
      "11": [6, [], 1],
      "12": [7, [], 0],
    },
  ],
  ["closing", { "0": [2, [7, 1]], "7": [2, [7, 1]], "8": [2, [7, 1]] }],
  [
    "open.probing",
    {
      "0": [4, [7, 10, 5, 6], 0],
      "2": [8, [9], 6],
      "7": [4, [7, 10, 5, 6], 0],
      "8": [2, [7, 1]],
      "9": [5, [], 4],
    },
  ],
];
