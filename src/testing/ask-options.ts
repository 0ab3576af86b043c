import type { InspectorCall } from "./simulation/http-exchange.ts";

/** What an inspector is asked, beside the path. */
export interface AskOptions {
  /** `GET` unless there is a body, `POST` then. */
  readonly method?: string;
  /** Of the body, as JSON. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** In place of the fields: whatever it is. */
  readonly body?: string;
  /** In place of those that a call has by itself; empty leaves one out. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Reads an event stream for so long, and leaves. */
  readonly leaveAfterMs?: number;
  /** Breaks off in the middle of the call. */
  readonly breaksOff?: boolean;
  /** It is a mistake: any other answer breaks a law. */
  readonly refusedWith?: number;
}

/** What an inspector has answered. */
export interface AnswerOfInspector {
  readonly status: number;
  /** By name, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of a stream, what has come until its end. */
  readonly text: string;
}

/** The call that is meant. */
export function callOf(
  path: string,
  { fields, method, headers = {}, ...options }: AskOptions = {},
): InspectorCall {
  const body =
    options.body ?? (fields === undefined ? "" : JSON.stringify(fields));
  return {
    ...options,
    method: method ?? (body === "" ? "GET" : "POST"),
    path,
    headers,
    body,
  };
}

/** A call as a sentence. */
export function describeCall(
  { method, path, body, refusedWith, breaksOff }: InspectorCall,
  whose: string,
): string {
  const given = body === "" || body === "{}" ? "" : ` ${body.slice(0, 60)}`;
  const kind =
    refusedWith !== undefined
      ? ", which is a mistake"
      : breaksOff === true
        ? ", and broken off"
        : "";
  return `the inspector of ${whose} is asked: ${method} ${path}${given}${kind}`;
}
