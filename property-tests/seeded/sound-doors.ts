import type { Defect } from "./defect.ts";

const authorize = "test/real/connections/authorize.test.ts";
const requests = "test/real/connections/bad-requests.test.ts";
const tls = "test/real/connections/tls.test.ts";

export const doorDefects: readonly Defect[] = [
  {
    rule: "a verdict lets in by true alone",
    file: "src/workers/handshake/authorization.ts",
    original: `const accept = fields.get("accept");`,
    defective: `const accept = Boolean(fields.get("accept"));`,
    suites: [authorize],
  },
  {
    rule: "a subprotocol is agreed to only where it is spoken",
    file: "src/workers/handshake/subprotocols.ts",
    original:
      "offered.find((name) => name === SLUICE_V1 || spoken.includes(name))",
    defective: "offered[0]",
    suites: [authorize],
  },
  {
    rule: "a path has one meaning",
    file: "src/workers/handshake/judge-request.ts",
    original: "/^\\/\\/|",
    defective: "/^\\/\\/\\/\\/|",
    suites: ["test/unit/workers/handshake/handshake.property.test.ts"],
  },
  {
    rule: "nobody is taken for the server's own connection",
    file: "src/workers/handshake/judge-request.ts",
    original: "if (fields.probe !== undefined && !isProbe)",
    defective: "if (false)",
    suites: [requests],
  },
  {
    rule: "who says nothing counts against the limit by address",
    file: "src/main/accept/address-limits.ts",
    original: "if (this.#limit === 0) return undefined;",
    defective: "if (this.#limit >= 0) return undefined;",
    suites: [requests],
  },
  {
    rule: "a counted socket that never reached its shard is given back",
    file: "src/main/shards/shard.ts",
    original: "    if (address !== undefined)\n",
    defective: "    if (false)\n",
    suites: [requests],
  },
  {
    rule: "a TLS record that cannot be decrypted ends the connection",
    file: "src/workers/transport/secure-socket.ts",
    original: `socket.on("_tlsError", () => socket.destroy());`,
    defective: "",
    suites: [tls],
  },
  {
    rule: "a client shakes hands once",
    file: "src/workers/transport/secure-socket.ts",
    original: "constants.SSL_OP_NO_RENEGOTIATION",
    defective: "0 * constants.SSL_OP_NO_RENEGOTIATION",
    suites: [tls],
  },
  {
    rule: "key and certificate are tried before they are adopted",
    file: "src/main/tls-material.ts",
    original: "    await shakeHands(material);\n",
    defective: "",
    suites: [tls],
  },
  {
    rule: "what clients can repeat at will does not fill the log",
    file: "src/protocol/log-rules.ts",
    original: `{ "": ["error", "handler failed", whereItFailed] }`,
    defective: `{ "": ["error", "handler failed"] }`,
    suites: ["test/unit/cli/logger.test.ts"],
  },
  {
    rule: "whatever is published has its place in the log",
    file: "src/protocol/log-rules.ts",
    original: `    killed: ["warn", "shard {shard} had to be ended by force"],\n`,
    defective: "",
    suites: ["test/unit/protocol/log-rules.test.ts"],
  },
];
