/**
 * Lays the machines out with ELK and writes the drawings that are committed
 * beside the sources; with `--check`, only says whether they still match.
 */
import { readFile, writeFile } from "node:fs/promises";
import elk from "elkjs/lib/elk.bundled.js";
import type { ElkExtendedEdge, ElkLabel, ElkNode } from "elkjs/lib/elk-api.js";
import type { AnyStateMachine } from "xstate";
import {
  type GraphEdge,
  graphOf,
  type GraphState,
  type MachineGraph,
} from "../src/diagrams/graph.ts";
import {
  type Box,
  type Chart,
  METRICS,
  type Placement,
} from "../src/diagrams/layout.ts";
import { pack } from "../src/diagrams/packed.ts";
import { connectionTable } from "../src/machines/connection-table.ts";
import {
  clientMachine,
  connectionMachine,
  serverMachine,
  shardMachine,
} from "../src/machines/index.ts";

const Elk = elk.default;
const folder = new URL("../src/diagrams/charts/", import.meta.url);

/** Characters behind an event for how often it happens, where that is counted. */
const RATE_LENGTH = 4;

const options = {
  "elk.algorithm": "layered",
  // From top to bottom, as a page is read: from left to right it would be five times as wide as high.
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
  // Against the flow runs what leads back in the order of the machine's states.
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.crossingMinimization.greedySwitchHierarchical.type": "TWO_SIDED",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.spacing.nodeNodeBetweenLayers": "20",
  "elk.layered.spacing.edgeNodeBetweenLayers": "12",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "8",
  "elk.spacing.nodeNode": "22",
  "elk.spacing.edgeNode": "14",
  "elk.spacing.edgeEdge": "10",
  "elk.spacing.edgeLabel": "3",
  "elk.padding": "[top=12,left=12,bottom=12,right=12]",
};

/** The drawing of a machine, without a trace of when or where it was made. */
async function draw(machine: AnyStateMachine): Promise<Chart> {
  const graph = graphOf(machine);
  return {
    graph,
    counted: graph.edges.map((edge) =>
      machine === connectionMachine ? countedAlong(edge, graph) : [],
    ),
    placement: await place(graph),
  };
}

/**
 * The transitions that shards count belong to leaves: those along the edge of a
 * parent are its children's, save where a child answers the event itself.
 */
function countedAlong(edge: GraphEdge, graph: MachineGraph): number[] {
  const isWithin = (state: string, parent: string): boolean =>
    state === parent || state.startsWith(`${parent}.`);
  const answersItself = (leaf: string, event: string): boolean =>
    graph.edges.some(
      (other) =>
        other.source !== edge.source &&
        isWithin(other.source, edge.source) &&
        isWithin(leaf, other.source) &&
        other.events.some(({ name }) => name === event),
    );
  const names = new Set(edge.events.map(({ name }) => name));
  return connectionTable.edges.flatMap(({ source, event, target }, number) => {
    const name = /^xstate\.after\.([^.]+)\./.exec(event)?.[1] ?? event;
    const isAlong =
      isWithin(source, edge.source) &&
      isWithin(target, edge.target) &&
      names.has(name) &&
      !answersItself(source, name);
    return isAlong ? [number] : [];
  });
}

async function place(graph: MachineGraph): Promise<Placement> {
  const nodes = new Map<string, ElkNode>();
  const root: ElkNode = { id: "root", children: [], edges: [] };
  for (const state of graph.states) {
    const node = toNode(state, graph);
    nodes.set(state.id, node);
    const parent =
      state.parent === undefined ? root : (nodes.get(state.parent) as ElkNode);
    (parent.children ??= []).push(node);
  }
  const spare = graph.id === connectionMachine.id ? RATE_LENGTH : 0;
  root.edges = graph.edges.map((edge, at) => toEdge(edge, at, spare));
  root.layoutOptions = options;
  const placed = await new Elk().layout(root);
  const boxes = new Map<string, Box>();
  collect(placed, boxes);
  return {
    width: Math.ceil(placed.width ?? 0),
    height: Math.ceil(placed.height ?? 0),
    states: graph.states.map(({ id }) => boxes.get(id) as Box),
    edges: (placed.edges ?? []).map(toRoute),
  };
}

function toNode(state: GraphState, { id }: MachineGraph): ElkNode {
  if (state.kind === "parent")
    return {
      id: state.id,
      layoutOptions: {
        "elk.padding": `[top=${METRICS.headHeight},left=12,bottom=12,right=12]`,
      },
    };
  return {
    id: state.id,
    width: METRICS.stateWidth,
    height:
      (state.kind === "final" && id === connectionMachine.id
        ? METRICS.ledgerHeight
        : METRICS.stateHeight) +
      state.loops.length * METRICS.loopLineHeight,
  };
}

function toEdge(
  { source, target, events }: GraphEdge,
  at: number,
  spare: number,
): ElkExtendedEdge {
  const longest = Math.max(...events.map(({ name }) => name.length));
  const label: ElkLabel = {
    id: `label-${at}`,
    text: events.map(({ name }) => name).join("\n"),
    // A delay is marked by a sign in front of it.
    width: Math.ceil((longest + 2 + spare) * METRICS.labelCharWidth),
    height: events.length * METRICS.labelLineHeight,
  };
  return {
    id: `edge-${at}`,
    sources: [source],
    targets: [target],
    labels: [label],
  };
}

function collect(node: ElkNode, boxes: Map<string, Box>): void {
  for (const child of node.children ?? []) {
    boxes.set(child.id, toBox(child));
    collect(child, boxes);
  }
}

function toBox({
  x = 0,
  y = 0,
  width = 0,
  height = 0,
}: ElkNode | ElkLabel): Box {
  return {
    x: round(x),
    y: round(y),
    width: round(width),
    height: round(height),
  };
}

function toRoute(edge: ElkExtendedEdge): Placement["edges"][number] {
  const [section] = edge.sections ?? [];
  const [label] = edge.labels ?? [];
  if (section === undefined || label === undefined)
    throw new Error(`${edge.id} was not laid out`);
  const { startPoint, bendPoints = [], endPoint } = section;
  return {
    points: [startPoint, ...bendPoints, endPoint].map(
      ({ x, y }) => [round(x), round(y)] as const,
    ),
    label: [round(label.x ?? 0), round(label.y ?? 0)],
  };
}

function round(value: number): number {
  return Math.round(value);
}

const isCheck = process.argv.includes("--check");
let stale = 0;
const machines = [
  connectionMachine,
  shardMachine,
  serverMachine,
  clientMachine,
];
for (const machine of machines) {
  const file = new URL(`${machine.id}.json`, folder);
  const text = `${JSON.stringify(pack(await draw(machine)))}\n`;
  if (!isCheck) {
    await writeFile(file, text);
    continue;
  }
  const committed = await readFile(file, "utf8").catch(() => "");
  if (committed === text) continue;
  stale++;
  console.error(
    `the drawing of the ${machine.id} machine no longer matches it: run "node scripts/layout-machines.ts" and commit what changes`,
  );
}
process.exitCode = stale === 0 ? 0 : 1;
