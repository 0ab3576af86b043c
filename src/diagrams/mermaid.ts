import type { GraphState, MachineGraph } from "./graph.ts";

/** Writes a machine as a Mermaid state diagram, which many documentation tools draw. */
export function renderMermaid(graph: MachineGraph): string {
  return [
    "stateDiagram-v2",
    ...renderChildren(graph, undefined, 1),
    ...graph.edges.map(
      ({ source, target, events }) =>
        `${indent(1)}${idOf(source)} --> ${idOf(target)}: ${events.map(nameEvent).join(" | ")}`,
    ),
    ...graph.states
      .filter(({ loops }) => loops.length > 0)
      .map(
        ({ id, loops }) =>
          `${indent(1)}${idOf(id)} --> ${idOf(id)}: ${loops.map(nameEvent).join(" | ")}`,
      ),
    ...graph.states
      .filter(({ kind }) => kind === "final")
      .map(({ id }) => `${indent(1)}${idOf(id)} --> [*]`),
    "",
  ].join("\n");
}

function renderChildren(
  graph: MachineGraph,
  parent: string | undefined,
  depth: number,
): string[] {
  const children = graph.states.filter((state) => state.parent === parent);
  return [
    ...children
      .filter(({ isInitial }) => isInitial)
      .map(({ id }) => `${indent(depth)}[*] --> ${idOf(id)}`),
    ...children.flatMap((state) => renderState(graph, state, depth)),
  ];
}

function renderState(
  graph: MachineGraph,
  { id, name, kind }: GraphState,
  depth: number,
): string[] {
  const head = `${indent(depth)}state "${name}" as ${idOf(id)}`;
  if (kind !== "parent") return [head];
  return [
    `${head} {`,
    ...renderChildren(graph, id, depth + 1),
    `${indent(depth)}}`,
  ];
}

function nameEvent({
  name,
  isDelay,
}: {
  name: string;
  isDelay: boolean;
}): string {
  return isDelay ? `after ${name}` : name;
}

/** Mermaid's ids have no dots. */
function idOf(path: string): string {
  return path.replaceAll(".", "_");
}

function indent(depth: number): string {
  return "  ".repeat(depth);
}
