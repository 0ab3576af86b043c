import { useEffect, useState } from "preact/hooks";
import type { Happening } from "../../src/admin/api.ts";
import { clock, count } from "../format.ts";
import { happenings } from "../live.ts";

/** What has happened, the last first: also what nobody was there to see. */
export function EventsView() {
  const [all, setAll] = useState(happenings.all);
  const [isTroubleOnly, setTroubleOnly] = useState(false);
  useEffect(() => happenings.listen(setAll), []);
  const shown = all.filter(
    ({ level }) => !isTroubleOnly || level === "warn" || level === "error",
  );
  return (
    <>
      <h2>Events</h2>
      <p class="lead">
        <label>
          <input
            type="checkbox"
            checked={isTroubleOnly}
            onChange={(event) => setTroubleOnly(event.currentTarget.checked)}
          />{" "}
          Only what went wrong
        </label>
      </p>
      {shown.length === 0 ? (
        <p class="faint">Nothing has happened.</p>
      ) : (
        <ol class="log events" aria-live="polite">
          {shown.toReversed().map((happening) => (
            <Entry key={happening.id} happening={happening} />
          ))}
        </ol>
      )}
    </>
  );
}

function Entry({ happening }: { happening: Happening }) {
  const { at, firstAt, level, text, error } = happening;
  const times = happening.count;
  return (
    <li class={level}>
      <time>{clock(at)}</time>
      <span class="event">{level}</span>
      <span class="way">
        {text}
        {times > 1 && (
          <span class="faint">
            {" "}
            {count(times)} times since {clock(firstAt)}
          </span>
        )}
      </span>
      {error !== undefined && (
        <details>
          <summary>{error.split("\n")[0]}</summary>
          <pre>{error}</pre>
        </details>
      )}
    </li>
  );
}
