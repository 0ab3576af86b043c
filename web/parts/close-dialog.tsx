import { act } from "../api.ts";
import { Ask, textOf } from "./ask.tsx";

/** Asks for a code and closes one connection with it. */
export function CloseDialog({
  id,
  onClosed,
}: {
  id: string;
  onClosed: () => void;
}) {
  const close = (form: FormData): Promise<unknown> =>
    act(`/api/connections/${encodeURIComponent(id)}/close`, {
      code: Number(form.get("code")),
      reason: textOf(form, "reason"),
    });
  return (
    <Ask
      title={`Close ${id}?`}
      verb="Close it"
      isDangerous
      act={close}
      onClosed={onClosed}
    >
      <p>
        Its handlers in flight finish, then it is sent a close frame with this
        code.
      </p>
      <label>
        Code
        <input
          name="code"
          type="number"
          min="1000"
          max="4999"
          required
          defaultValue="1000"
          list="close-codes"
        />
      </label>
      <datalist id="close-codes">
        <option value="1000">normal closure</option>
        <option value="1001">going away</option>
        <option value="1008">policy violation</option>
        <option value="1012">service restart</option>
        <option value="1013">try again later</option>
      </datalist>
      <label>
        Reason
        <input name="reason" maxLength={123} placeholder="optional" />
      </label>
    </Ask>
  );
}
