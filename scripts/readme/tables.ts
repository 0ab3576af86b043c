import { readFileSync } from "node:fs";

import { format } from "prettier";

import { createMetrics } from "../../src/admin/metrics.ts";
import { commandLineSpecs } from "../../src/cli/option-rows.ts";
import { renderReport } from "../../src/cli/print-report.ts";
import { toRows } from "../../src/config/rows.ts";
import { renderOptionTable } from "../../src/config.ts";
import { graphOf } from "../../src/diagrams/graph.ts";
import { renderMermaid } from "../../src/diagrams/mermaid.ts";
import { clientMachine, connectionMachine } from "../../src/machines/index.ts";
import {
  closeCodeMeanings,
  errorMeanings,
  outcomeMeanings,
} from "./meanings.ts";
import { overviewOf } from "./overview.ts";
import { sampleReport } from "./sample-report.ts";

const examples = new URL("../../examples/", import.meta.url);
const roomExample = new URL("room/handlers.ts", examples);

/** The parts of a page that are read off the code, by the name in their markers. */
type Parts = Readonly<Record<string, () => string>>;

const ofReadme: Parts = {
  handlers: () => fence("ts", readFileSync(roomExample, "utf8").trimEnd()),
  "report in short": () =>
    fence("", renderReport(sampleReport).split("\n\nclose codes")[0] ?? ""),
};

const ofOptions: Parts = {
  options: () => renderOptionTable(),
  "command line options": () => renderOptionTable(toRows(commandLineSpecs)),
};

const ofReport: Parts = {
  "state diagram": () =>
    fence("mermaid", renderMermaid(overviewOf(graphOf(connectionMachine)))),
  report: () => fence("", renderReport(sampleReport)),
  outcomes: () =>
    table(
      ["outcome", "meaning"],
      Object.entries(outcomeMeanings).map(([name, meaning]) => [
        code(name),
        meaning,
      ]),
    ),
  "close codes": () =>
    table(
      ["code", "", "meaning"],
      closeCodeMeanings.map(([number, where, meaning]) => [
        String(number),
        where,
        meaning,
      ]),
    ),
};

const ofTroubleshooting: Parts = {
  "error codes": () =>
    table(
      ["code", "when"],
      Object.entries(errorMeanings).map(([name, meaning]) => [
        code(name),
        meaning,
      ]),
    ),
};

const ofClient: Parts = {
  "the machine of the client": () =>
    fence("mermaid", renderMermaid(graphOf(clientMachine))),
};

const recipe = (name: string): string =>
  fence("ts", readFileSync(new URL(`cookbook/${name}.ts`, examples), "utf8"));

const ofCookbook: Parts = {
  jwt: () => recipe("jwt"),
  session: () => recipe("session"),
  "rate limit": () => recipe("rate-limit"),
  presence: () => recipe("presence"),
  database: () => recipe("database"),
  dockerfile: () =>
    fence(
      "dockerfile",
      readFileSync(new URL("starter/Dockerfile", examples), "utf8"),
    ),
};

const ofMetrics: Parts = {
  metrics: () => {
    // With a cluster, so that its metrics are there too.
    const server = { config: { nats: ["nats://host"] } } as never;
    return table(
      ["name", "type", "labels", "meaning"],
      createMetrics(server, "")
        .describe()
        .map(({ name, kind, labelNames, help }) => [
          code(name),
          kind,
          labelNames.map(code).join(", "),
          help,
        ]),
    );
  },
};

/** The pages with generated parts, from the root of the repository. */
export const pages = {
  "README.md": ofReadme,
  "docs/options.md": ofOptions,
  "docs/report.md": ofReport,
  "docs/troubleshooting.md": ofTroubleshooting,
  "docs/cookbook.md": ofCookbook,
  "docs/metrics.md": ofMetrics,
  "docs/client.md": ofClient,
} as const;

/**
 * Renews every generated part of a page: what stands between
 * `<!-- generated: NAME -->` and `<!-- end -->`.
 *
 * @param text - The whole text as it stands.
 * @returns The whole text, formatted.
 * @throws Error for a part that is missing in the page, or unknown.
 */
export async function renderPage(
  page: keyof typeof pages,
  text: string,
): Promise<string> {
  const parts: Parts = pages[page];
  const missing = new Set(Object.keys(parts));
  const renewed = text.replaceAll(
    /(<!-- generated: ([a-z ]+) -->\n)[^]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      const render = parts[name];
      if (render === undefined)
        throw new Error(`${page}: there is no generated part "${name}"`);
      missing.delete(name);
      return `${begin}\n${render()}\n\n${end}`;
    },
  );
  if (missing.size > 0)
    throw new Error(
      `${page}: no markers for ${[...missing].map((name) => `"${name}"`).join(", ")}`,
    );
  return await format(renewed, { parser: "markdown" });
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join(
    "\n",
  );
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

function code(text: string): string {
  return `\`${text}\``;
}
