/**
 * The client's machine (`src/machines/client-machine.ts`) as a table, written
 * by `scripts/client-table.ts`. A line is a state: its name, and for each event
 * that it answers `event-target-actions-delay`, numbers in base 36.
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
export const STATES = [
  "resting 1-1-0-2 2-2-1-",
  "preparing 2-2-21- 3-3-23-3 4-4-2456-0 5-2-21- 0-4-2456-0",
  "closed",
  "connecting 2-2-71- 6-5-8-4 7-4-7456-0 8-2-71- 0-4-7456-0",
  "waiting.backingOff 1-1-0-2 2-2-1- a-1-0-2 b-6--1 c-1-0-2 d-7--0 0-1-0-2",
  "open.healthy 2-8-9-6 7-4-7a56-0 8-2-71- a-9-b-5 b-9-b-5 c-9-b-5 0-9-b-5",
  "offline 1-1-0-2 2-2-1- c-4-56-0 0-1-0-2",
  "waiting.appointed 1-1-0-2 2-2-1- a-7--0 b-6--1 c-7--0 0-1-0-2",
  "closing 7-2-71- 8-2-71- 0-2-71-",
  "open.probing 2-8-9-6 7-4-7a56-0 8-2-71- 9-5--4 0-4-7a56-0",
] as const;
