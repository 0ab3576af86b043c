import type { Defect } from "./defect.ts";

const unit = ["test/unit/actors/machine-handlers.test.ts"];

/** Mistakes in what runs users' machines. */
export const machineHandlersDefects: readonly Defect[] = [
  {
    rule: "a client cannot say what only its connection may",
    file: "src/actors/facts.ts",
    original: "!FACTS.has(type) && ",
    defective: "",
    suites: unit,
  },
  {
    rule: "a client cannot say what only XState may",
    file: "src/actors/facts.ts",
    original: " && !type.startsWith(INTERNAL)",
    defective: "",
    suites: unit,
  },
  {
    rule: "what is left of a delay travels",
    file: "src/actors/persisted-actor.ts",
    original: "Math.max(0, startedAt + delay - now)",
    defective: "delay",
    suites: unit,
  },
  {
    rule: "an actor that the machine does not know any more is not left out in silence",
    file: "src/actors/persisted-actor.ts",
    original: `restored.status === "active" && isWhole ?`,
    defective: `restored.status === "active" ?`,
    suites: unit,
  },
  {
    rule: "who is packed is taken down: nothing of it runs on",
    file: "src/actors/actor.ts",
    original: "    this.stop();\n    return persisted;",
    defective: "    return persisted;",
    suites: unit,
  },
  {
    rule: "a promise that is under way holds its connection here",
    file: "src/actors/actor.ts",
    original: `this.#snapshot.hasTag("busy") || hasPromiseUnderWay(children)`,
    defective: `hasPromiseUnderWay(children) && false`,
    suites: unit,
  },
  {
    rule: "an actor that fails leaves nothing running that it has invoked",
    file: "src/actors/actor.ts",
    original: `(child as { _stop?(): void } | undefined)?._stop?.();`,
    defective: "void child;",
    suites: unit,
  },
  {
    rule: "a final state closes the connection with the machine's output",
    file: "src/actors/actor.ts",
    original: "this.connection.close(code, reason);",
    defective: "this.connection.close(code && undefined, reason);",
    suites: unit,
  },
  {
    rule: "a state that has got states within it is not known",
    file: "src/actors/persisted-actor.ts",
    original: ` || !isDeepStrictEqual(resolved, value)`,
    defective: "",
    suites: unit,
  },
  {
    rule: "another machine's state is of no use",
    file: "src/actors/persisted-actor.ts",
    original: "  if (id !== machine.id) return undefined;\n",
    defective: "",
    suites: unit,
  },
  {
    rule: "whoever has left is not counted any more",
    file: "src/actors/actor.ts",
    original:
      "    if (this.#group !== undefined) this.#shared.population.leave(this.#group);\n",
    defective: "",
    suites: unit,
  },
  {
    rule: "what fails outside of hooks ends its connection",
    file: "src/actors/actor.ts",
    original: "else host.fail(this.connection, this.#hook, error);",
    defective: "",
    suites: unit,
  },
  {
    rule: "last words are published for a connection that has ended",
    file: "src/actors/machine-handlers.ts",
    original: `if (status === "closed")\n            this.#shard`,
    defective: `if (status === "refused")\n            this.#shard`,
    suites: unit,
  },
  {
    rule: "what decode refuses as no JSON is no failure of the handlers",
    file: "src/actors/machine-handlers.ts",
    original: "if (error instanceof SyntaxError) return undefined;",
    defective: "",
    suites: unit,
  },
  {
    rule: "an orderly shutdown waits for an actor that owes something",
    file: "src/actors/machine-handlers.ts",
    original: "return this.#actorOf(connection)?.atRest();",
    defective: "return undefined;",
    suites: unit,
  },
];
