import type { Defect } from "./defect.ts";

const hostile = "test/real/cluster/hostile-messages.test.ts";
const lastWords = "test/real/topics/last-words.test.ts";

const lyingShard = "test/real/connections/lying-shard.test.ts";

/** Mistakes at the borders: between threads, processes, instances and operators. */
export const bordersDefects: readonly Defect[] = [
  {
    rule: "what a thread publishes in its last turn goes out before it ends",
    file: "src/workers/topics/shard-topics.ts",
    original: "    this.#publisher.flush();\n    this.#links.close();\n",
    defective: "    this.#links.close();\n",
    suites: [lastWords],
    law: "through many restarts",
  },
  {
    rule: "the last words of a thread are read before the first of the next",
    file: "src/workers/topics/links.ts",
    original: "    if (previous === undefined) listen();\n",
    defective: "    previous?.close();\n    if (previous !== port) listen();\n",
    suites: [lastWords],
    law: "blocked until the next thread was there",
  },
  {
    rule: "what main publishes before it sends connections away reaches them",
    file: "src/main/drain-planner.ts",
    original: "    topics.flush();\n",
    defective: "",
    suites: [lastWords],
    law: "whom main sends away",
  },
  {
    rule: "who counts what is no topic is refused in its own thread",
    file: "src/workers/topics/shard-topics.ts",
    original: '    checkTopic(topic, "subscribers()", this.#config);\n',
    defective: "",
    suites: ["test/real/topics/topics.test.ts"],
    law: "counting and watching",
  },
  {
    rule: "presence of other instances is read before it is passed on",
    file: "src/main/topics/topic-router.ts",
    original: "      ? event !== undefined\n",
    defective: "      ? true\n",
    suites: [hostile],
    law: "drops and counts",
  },
  {
    rule: "text of other instances is UTF-8",
    file: "src/main/topics/topic-router.ts",
    original: "(isBinary || isUtf8(payload))",
    defective: "(isBinary || payload.length >= 0)",
    suites: [hostile],
    law: "drops and counts",
  },
  {
    rule: "an instance without an accept rate takes no part in any sum",
    file: "src/main/cluster/read-instances.ts",
    original: "  acceptRate: isWithin(...ACCEPT_RATES),\n",
    defective: "  acceptRate: () => ACCEPT_RATES.length > 0,\n",
    suites: [hostile],
    law: "whose acceptRate is",
  },
  {
    rule: "a count survives the end of the link that it was asked on",
    file: "src/main/cluster/nats-engine.ts",
    original:
      "      return await this.#ask(connection, topic, others);\n    } catch {",
    defective:
      "      return await this.#ask(connection, topic, others);\n    } catch (error) {\n      if (connection !== undefined) throw error;",
    suites: [hostile],
    law: "while NATS dies",
  },
  {
    rule: "a listener that throws keeps nobody else from the news",
    file: "src/topics/watchers.ts",
    original: "      this.#onFailure(error);\n",
    defective: "      throw error;\n",
    suites: ["test/unit/topics/watchers.test.ts"],
  },
  {
    rule: "what a shard says is read before it is believed",
    file: "src/main/shards/read-shard-message.ts",
    original: "type !== undefined && shapes[type](raw)",
    defective: "type !== undefined",
    suites: [lyingShard],
  },
  {
    rule: "publications lie in the memory that came with them",
    file: "src/main/shards/read-shard-message.ts",
    original: "        (end as number) <= length;\n",
    defective: "        length >= 0;\n",
    suites: [lyingShard],
  },
  {
    rule: "what cannot be deserialized is counted",
    file: "src/main/shards/read-shard-message.ts",
    original:
      '  port.on("messageerror", () => drop("that could not be deserialized"));\n',
    defective: "",
    suites: [lyingShard],
  },
  {
    rule: "a fault in taking what a shard says ends nothing",
    file: "src/main/aside.ts",
    original: "    work();\n  } catch (error) {\n",
    defective:
      '    work();\n  } catch (error) {\n    if (what !== "") throw error;\n',
    suites: ["test/unit/main/shards/read-shard-message.test.ts"],
    law: "ends nothing when taking it fails",
  },
  {
    rule: "what work fails with that nobody waits for is published",
    file: "src/main/aside.ts",
    original:
      "  Promise.resolve(work).catch((error: unknown) => reportFault(what, error));\n",
    defective: "  Promise.resolve(work).catch(() => what);\n",
    suites: ["test/unit/main/aside.test.ts"],
  },
  {
    rule: "what another process says is read before it is believed",
    file: "src/main/handover/read-process-message.ts",
    original: 'isKnown && shapes[type as ProcessMessage["type"]](sluice)',
    defective: "isKnown",
    suites: ["test/unit/main/handover/read-process-message.test.ts"],
  },
  {
    rule: "a connection that cannot be read stays its sender's",
    file: "src/main/handover/read-process-message.ts",
    original: "  if (word.refused !== undefined) refuse(word.refused);\n",
    defective: "",
    suites: ["test/unit/main/handover/read-process-message.test.ts"],
    law: "stays the sender's",
  },
  {
    rule: "an instance whose entry is renewed while the keys are listed is listed once",
    file: "src/main/cluster/instance-registry.ts",
    original: "[...keys].toSorted().map((key) => bucket.get(key)),",
    defective: "[...keys, ...keys].toSorted().map((key) => bucket.get(key)),",
    suites: ["test/unit/main/cluster/instance-registry.test.ts"],
  },
];
