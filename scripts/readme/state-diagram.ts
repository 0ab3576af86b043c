import type { AnyStateMachine, AnyStateNode } from "xstate";

const AFTER = /^xstate\.after\.([^.]+)\./;

/**
 * Draws a machine as a Mermaid state diagram, nested states and all.
 *
 * Mermaid has no transitions between the insides of two states, so that each
 * is drawn between the two states that stand side by side: what leaves
 * `draining.awaiting` for `terminated` leaves `draining` in the picture. What
 * only re-enters its own state is left out.
 *
 * @param machine - As given to `createActor`.
 */
export function renderStateDiagram(machine: AnyStateMachine): string {
  const { root } = machine;
  return [
    "```mermaid",
    "stateDiagram-v2",
    ...renderInside(root, collectArrows(root)).map((line) => `  ${line}`),
    "```",
  ].join("\n");
}

interface Arrow {
  readonly from: AnyStateNode;
  readonly to: AnyStateNode;
  readonly labels: Set<string>;
}

/** Every transition at the level where it is drawn, by the state inside which that is. */
type Arrows = ReadonlyMap<AnyStateNode, readonly Arrow[]>;

function collectArrows(root: AnyStateNode): Arrows {
  const arrows = new Map<AnyStateNode, Arrow[]>();
  for (const node of descendants(root)) {
    for (const { eventType, target = [] } of [
      ...node.transitions.values(),
    ].flat()) {
      for (const goal of target) {
        const [inside, from, to] = sideBySide(node, goal);
        if (from === to) continue;
        const siblings = arrows.get(inside) ?? [];
        arrows.set(inside, siblings);
        let arrow = siblings.find(
          (other) => other.from === from && other.to === to,
        );
        if (arrow === undefined) {
          arrow = { from, to, labels: new Set() };
          siblings.push(arrow);
        }
        arrow.labels.add(labelOf(eventType));
      }
    }
  }
  return arrows;
}

function* descendants(node: AnyStateNode): Generator<AnyStateNode> {
  for (const child of Object.values(node.states)) {
    yield child;
    yield* descendants(child);
  }
}

/** The innermost state that holds both, and its two children through which they are reached. */
function sideBySide(
  source: AnyStateNode,
  goal: AnyStateNode,
): [inside: AnyStateNode, from: AnyStateNode, to: AnyStateNode] {
  const from = lineageOf(source);
  const to = lineageOf(goal);
  let depth = 0;
  while (from[depth + 1] === to[depth + 1] && from[depth + 1] !== undefined)
    depth++;
  const inside = from[depth] as AnyStateNode;
  return [inside, from[depth + 1] ?? inside, to[depth + 1] ?? inside];
}

/** From the root down to the state itself. */
function lineageOf(node: AnyStateNode): AnyStateNode[] {
  return node.parent === undefined ? [node] : [...lineageOf(node.parent), node];
}

function labelOf(eventType: string): string {
  const delay = AFTER.exec(eventType)?.[1];
  return delay === undefined ? eventType : `after ${delay}`;
}

function renderInside(node: AnyStateNode, arrows: Arrows): string[] {
  const children: AnyStateNode[] = Object.values(node.states);
  const initial = node.initial.target[0];
  return [
    ...(initial === undefined ? [] : [`[*] --> ${initial.key}`]),
    ...children.flatMap((child) => renderChild(child, arrows)),
    ...(arrows.get(node) ?? []).map(
      ({ from, to, labels }) =>
        `${from.key} --> ${to.key}: ${[...labels].join("<br/>")}`,
    ),
    ...children
      .filter(({ type }) => type === "final")
      .map(({ key }) => `${key} --> [*]`),
  ];
}

function renderChild(node: AnyStateNode, arrows: Arrows): string[] {
  if (node.type !== "compound") return [];
  return [
    `state ${node.key} {`,
    ...renderInside(node, arrows).map((line) => `  ${line}`),
    "}",
  ];
}
