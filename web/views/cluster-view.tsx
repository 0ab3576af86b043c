import { useEffect, useState } from "preact/hooks";
import type {
  InstanceStatus,
  LinkStatus,
  Status,
} from "../../src/admin/api.ts";
import { explain, read } from "../api.ts";
import { bytes, count, duration, percent } from "../format.ts";

const LOOK_EVERY_MS = 2_000;

/** The link to the other instances, and who they are. */
export function ClusterView({ status }: { status: Status }) {
  const { cluster } = status;
  if (cluster === undefined) return null;
  return (
    <section aria-labelledby="cluster-title">
      <h2 id="cluster-title">Cluster</h2>
      <div class="cards">
        <Link link={cluster} />
      </div>
      <Instances self={cluster.instance} />
    </section>
  );
}

function Link({ link }: { link: LinkStatus }) {
  const facts: readonly (readonly [string, string])[] = [
    ["sent", count(link.sent)],
    ["received", count(link.received)],
    ["held back", `${count(link.heldMessages)} (${bytes(link.heldBytes)})`],
    ["unsent", count(link.unsent)],
    ["missed", count(link.missed)],
    ["undelivered", count(link.undelivered)],
    ["came back", count(link.reconnects)],
  ];
  const isUp = link.state === "connected" || link.state === "flushing";
  return (
    <article class="card" aria-label="Link to NATS">
      <header>
        <h3>Link to NATS</h3>
        <span class={`lamp ${isUp ? "good" : "warn"}`}>{link.state}</span>
      </header>
      {link.lastError !== undefined && !isUp && (
        <p class="failure">{link.lastError}</p>
      )}
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </article>
  );
}

const columns: readonly (readonly [
  title: string,
  show: (instance: InstanceStatus) => string,
  isNumber?: true,
])[] = [
  ["instance", ({ id }) => id],
  ["address", ({ address }) => address],
  ["state", ({ state }) => state],
  ["version", ({ version }) => version],
  [
    "up",
    ({ startedAt }) => duration(Math.max(0, Date.now() - startedAt)),
    true,
  ],
  ["connections", ({ connections }) => count(connections), true],
  ["busy", ({ utilization }) => percent(utilization), true],
  ["accepts a second", ({ acceptRate }) => count(acceptRate), true],
];

function Instances({ self }: { self: string }) {
  const [instances, setInstances] = useState<readonly InstanceStatus[]>();
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const over = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      try {
        setInstances(await read("/api/instances", over.signal));
        setFailure("");
      } catch (error) {
        if (!over.signal.aborted) setFailure(explain(error));
      }
      if (!over.signal.aborted)
        timer = setTimeout(() => void look(), LOOK_EVERY_MS);
    };
    void look();
    return () => {
      over.abort();
      clearTimeout(timer);
    };
  }, []);
  return (
    <>
      <h3>Instances</h3>
      {failure !== "" && (
        <p class="failure" role="status">
          {failure}
        </p>
      )}
      {instances !== undefined && (
        <div class="scroller">
          <table class="list">
            <thead>
              <tr>
                {columns.map(([title, , isNumber]) => (
                  <th key={title} class={isNumber && "number"}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {instances.map((instance) => (
                <tr key={instance.id}>
                  {columns.map(([title, show, isNumber]) => (
                    <td key={title} class={isNumber && "number"}>
                      {show(instance)}
                      {title === "instance" &&
                        instance.id === self &&
                        " (this one)"}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
