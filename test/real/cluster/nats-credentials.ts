import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { temporaryFolder } from "../../support/certificates.ts";

type KeyPair = ReturnType<typeof nkeys.createOperator>;

/** A NATS operator with one account, as `nsc` would set it up. */
export interface Operator {
  /** Configuration of a server that trusts it. */
  readonly configFile: string;
  /** Credentials of a user of the account. */
  readonly credsFile: string;
  /** Credentials of a user of an account that nobody knows. */
  readonly strangerFile: string;
}

/** Signs the tokens itself: JWTs as NATS defines them (ed25519-nkey), version 2. */
export function createOperator(): Operator {
  const folder = temporaryFolder();
  const operator = nkeys.createOperator();
  const system = nkeys.createAccount();
  const account = nkeys.createAccount();
  const unlimited = {
    ...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1 },
    ...{ wildcards: true, conn: -1, leaf: -1 },
  };
  // Which a system account may not have.
  const jetStream = {
    ...{ mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
  };
  const accountToken = (of: KeyPair, name: string): string =>
    sign(operator, of, name, {
      type: "account",
      limits: of === system ? unlimited : { ...unlimited, ...jetStream },
    });
  const creds = (name: string, issuer: KeyPair): string => {
    const user = nkeys.createUser();
    const token = sign(issuer, user, name, {
      ...{ type: "user", subs: -1, data: -1, payload: -1, pub: {}, sub: {} },
    });
    const seed = new TextDecoder().decode(user.getSeed());
    const credsFile = join(folder, `${name}.creds`);
    writeFileSync(
      credsFile,
      `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n` +
        `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
    );
    return credsFile;
  };
  const configFile = join(folder, "operator.conf");
  writeFileSync(
    configFile,
    `operator: ${sign(operator, operator, "operator", { type: "operator" })}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
  ${system.getPublicKey()}: ${accountToken(system, "system")}
  ${account.getPublicKey()}: ${accountToken(account, "sluice")}
}
`,
  );
  return {
    configFile,
    credsFile: creds("instance", account),
    strangerFile: creds("stranger", nkeys.createAccount()),
  };
}

function sign(
  issuer: KeyPair,
  subject: KeyPair,
  name: string,
  nats: object,
): string {
  const header = encode({ typ: "JWT", alg: "ed25519-nkey" });
  const claims = encode({
    jti: `${name}-1`,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats: { ...nats, version: 2 },
  });
  const signature = issuer.sign(Buffer.from(`${header}.${claims}`));
  return `${header}.${claims}.${Buffer.from(signature).toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
