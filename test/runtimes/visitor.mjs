/**
 * A client in whatever runtime runs this file: it comes back to a server that is
 * restarted, says what it had to say, and prints what it has seen.
 */
import { connect, PatientWebSocket } from "../../dist/client/index.js";

const [url] = globalThis.Deno?.args ?? process.argv.slice(2);
const client = connect(url, { heartbeat: true });
const next = (type) =>
  new Promise((resolve) => {
    client.addEventListener(type, resolve, { once: true });
  });
const told = next("interrupted");
await next("open");
console.log("connected");
const { backInMs } = await told;
const awaySince = Date.now();
const fate = client.send(new TextEncoder().encode("meanwhile"));
const heard = next("message");
const waited = next("open").then(() => Date.now() - awaySince);
// A second one, of a library: the host is the same, and has told the first only.
const echo = new TextDecoder().decode((await heard).data);
const patient = new PatientWebSocket(url, "sluice.v1");
await new Promise((resolve) => {
  patient.addEventListener("message", resolve, { once: true });
});
console.log(
  JSON.stringify({
    keeps: (await waited) >= backInMs,
    fate: await fate,
    echo,
    protocols: [client.protocol, patient.protocol],
  }),
);
patient.close();
const closed = next("close");
client.close(4000, "done");
const { code, reason } = await closed;
console.log(`closed ${code} ${reason}`);
// Nothing may hold the process.
