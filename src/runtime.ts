/** The lowest release that can transfer a socket to a worker thread, per release line. */
const FIRST_IN_LTS = { major: 24, minor: 20 };
const FIRST_AFTER_LTS = { major: 26, minor: 6 };

/**
 * Says in one sentence that a Node is too old. This file imports nothing and
 * keeps to what every Node of the last years runs, because it has to work
 * exactly where nothing else does.
 *
 * @param version - `process.versions.node`.
 * @returns `undefined` when the version will do.
 */
export function describeOldRuntime(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isEnough =
    major === FIRST_IN_LTS.major
      ? minor >= FIRST_IN_LTS.minor
      : major > FIRST_AFTER_LTS.major ||
        (major === FIRST_AFTER_LTS.major && minor >= FIRST_AFTER_LTS.minor);
  if (isEnough) return undefined;
  return `sluice needs Node 24.20 or a later 24, or Node 26.6 or later, because it moves sockets between threads; this is Node ${version}. In a project, "npm install --save-dev node@26" brings one that npx and the scripts of npm use.`;
}
