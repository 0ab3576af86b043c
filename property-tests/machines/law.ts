import { type LivedMove, say } from "./exploration.ts";

/** A move in a life: what a law looks at. */
export type Lived<History> = Omit<LivedMove<History>, "way">;

/** A law over every move of every life. */
export interface Law<History> {
  readonly name: string;
  readonly holds: (move: Lived<History>) => boolean;
}

/** The state itself, or one within it. */
export const isIn = (state: string, parent: string): boolean =>
  state === parent || state.startsWith(`${parent}.`);

/** All verbs of a move: `beginClosing(peer) sendCloseFrame`. */
export const said = ({ verbs }: Lived<unknown>): string =>
  verbs.map(say).join(" ");

/** How often a move performs a verb. */
export const count = ({ verbs }: Lived<unknown>, type: string): number =>
  verbs.filter((verb) => verb.type === type).length;

/** The state is entered from another one. */
export const isArrival = (
  { source, target }: Lived<unknown>,
  state: string,
): boolean => isIn(target, state) && !isIn(source, state);

export const ifThen = (premise: boolean, conclusion: () => boolean): boolean =>
  !premise || conclusion();

/** What broke a law, for a person to read. */
export function describeMove(move: LivedMove<unknown>): string {
  return [
    `after ${move.way.join(", ") || "nothing"}:`,
    `${move.source} · ${move.event} → ${move.target}`,
    `[${said(move)}]`,
    JSON.stringify(move.after),
  ].join("\n  ");
}
