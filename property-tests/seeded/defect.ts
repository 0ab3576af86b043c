/** A small mistake, made on purpose, and where it is expected to be noticed. */
export interface Defect {
  /** The rule that it breaks, as it stands in the design. */
  readonly rule: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly original: string;
  readonly defective: string;
  /** Test files, or folders of them. */
  readonly suites: readonly string[];
  /** Runs of each law, where they are cheap and the mistake is rare. */
  readonly runs?: number;
  /** The only law that is asked, by a part of its name: what another says is about something else. */
  readonly law?: string;
}
