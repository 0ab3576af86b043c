import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { explain } from "../api.ts";

/** A question that is asked once before something is done. */
export function Ask({
  title,
  children,
  verb,
  isDangerous = false,
  staysOpen = false,
  isNotice = false,
  act,
  onClosed,
}: {
  title: string;
  children: ComponentChildren;
  /** On the button that does it. */
  verb: string;
  isDangerous?: boolean;
  /** Whoever asks shows something else in its place when it is done. */
  staysOpen?: boolean;
  /** Nothing is asked: it is only to be read. */
  isNotice?: boolean;
  act: (form: FormData) => Promise<unknown>;
  onClosed: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [failure, setFailure] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await act(new FormData(event.currentTarget as HTMLFormElement));
      if (!staysOpen) dialog.current?.close();
    } catch (error) {
      setFailure(explain(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={onClosed} aria-labelledby="ask-title">
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="ask-title">{title}</h2>
        {children}
        {failure !== "" && (
          <p class="failure" role="alert">
            {failure}
          </p>
        )}
        <div class="buttons">
          {!isNotice && (
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          )}
          <button
            type="submit"
            class={isDangerous ? "danger" : "primary"}
            disabled={isBusy}
          >
            {verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** What was typed into a field of a form. */
export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
