import type { Defect } from "./defect.ts";

const histories = ["property-tests/histories"];

/** What a process did that was started to take over, and every thread of it: threads inherit the arguments. */
const closesConnections = `
  import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
  const rows = readFileSync("/proc/self/net/tcp", "latin1").split("\\n").slice(1);
  const fields = rows.map((row) => row.trim().split(/\\s+/));
  const inodes = new Set(fields.filter((row) => row[3] !== "0A").map((row) => row[9]));
  for (const descriptor of readdirSync("/proc/self/fd")) {
    let target = "";
    try { target = readlinkSync("/proc/self/fd/" + descriptor); } catch {}
    const inode = /^socket:\\[(\\d+)\\]$/.exec(target)?.[1];
    if (inodes.has(inode)) closeSync(Number(descriptor));
  }`;
const preloaded = `data:text/javascript,${encodeURIComponent(closesConnections)}`;

/** Mistakes that show in what happens after one another. */
export const historyDefects: readonly Defect[] = [
  {
    rule: "a thread of a new process closes no descriptor that others own",
    file: "src/main/handover/node-processes.ts",
    original: "return [...process.execArgv, asCalled(script), ...rest];",
    defective: `return ["--import", ${JSON.stringify(preloaded)}, ...process.execArgv, asCalled(script), ...rest];`,
    suites: histories,
    law: "and shards are reloaded, die, and start again",
  },
  {
    rule: "a new process keeps no socket that has ended while it started",
    file: "src/main/handover/close-inherited.ts",
    original:
      "  inherited.push(...others.filter(({ inode }) => ended.has(inode)));\n",
    defective: "  void ended;\n",
    suites: histories,
    law: "and clients break off as it starts",
  },
  {
    rule: "the port is open until the new process is on its own",
    file: "src/main/handover/process-upgrade.ts",
    original: "ingress.passTo(this.#other);",
    defective: "ingress.suspend();",
    suites: ["test/real/handover/stopped-upgrade.test.ts"],
    law: "leaves the port open when the new process goes, which takes its time",
  },
  {
    rule: "who closes and ends in one breath over TLS is clean",
    file: "src/workers/connection/receive.ts",
    original: 'if (connection.has("answering")) return;',
    defective: "",
    suites: ["test/real/connections/tls.test.ts"],
    law: "in one breath",
  },
];
