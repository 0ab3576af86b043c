/** `npm run bench`: measures Sluice beside its rivals. See options.ts. */
import { selectCases, benchCases } from "./cases/index.ts";
import type { BenchCase, RunContext } from "./cases/case.ts";
import {
  createTlsFiles,
  moveOffServerCore,
  shareCores,
} from "./environment.ts";
import { guard } from "./guard.ts";
import { installRivals } from "./install.ts";
import { allowedCores } from "./measure/proc.ts";
import { machineFacts, readVersions } from "./measure/machine.ts";
import { parseOptions, usage, type BenchOptions } from "./options.ts";
import { keepLatest, publish, renderDocs } from "./publish.ts";
import type { CaseResult, Results } from "./report/results.ts";
import { remarksOn } from "./report/summary.ts";
import { caseTable, plainTable } from "./report/table.ts";
import { runCase, type Turn } from "./runner.ts";
import { subjectNamed } from "./subjects/index.ts";

const warmupMs = 1000;
const quickScale = 0.2;

function printTurn({
  benchCase,
  contender,
  round,
  rounds,
  result,
}: Turn): void {
  const outcome = result.failed ?? result.disturbed.join(", ");
  console.error(
    `${benchCase.name} ${round}/${rounds} ${contender.title}` +
      (outcome === "" ? "" : `: ${outcome}`),
  );
}

function printCase(result: CaseResult): void {
  console.log(`\n${result.title} (${result.name})`);
  console.log(plainTable(caseTable(result)));
  for (const remark of remarksOn(result)) {
    console.log(`  ! ${remark}`);
  }
}

async function measure(
  cases: readonly BenchCase[],
  options: BenchOptions,
  context: RunContext,
): Promise<Results> {
  const done: CaseResult[] = [];
  for (const benchCase of cases) {
    const result = await runCase(benchCase, context, {
      rounds: options.rounds,
      servers: options.servers,
      onTurn: printTurn,
    });
    done.push(result);
    if (!options.json) printCase(result);
  }
  const configured = cases
    .flatMap((benchCase) => benchCase.contenders)
    .flatMap(({ subject }) => subject ?? [])
    .map(({ title, configuration }) => [title, configuration] as const);
  return {
    format: 1,
    machine: machineFacts(),
    versions: readVersions(),
    configurations: Object.fromEntries(configured),
    cases: done,
  };
}

/** @returns the cases that were named; `undefined` when a name is nobody's, which is said before anything is measured */
function namedCases(options: BenchOptions): readonly BenchCase[] | undefined {
  try {
    for (const name of options.servers ?? []) subjectNamed(name);
    return selectCases(options.caseNames);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    return undefined;
  }
}

async function main(options: BenchOptions): Promise<boolean> {
  const cases = namedCases(options);
  if (cases === undefined) return false;
  const allCores = allowedCores();
  const cores = shareCores(allCores);
  moveOffServerCore(cores);
  using tls = createTlsFiles();
  const context: RunContext = {
    cores,
    allCores,
    warmupMs,
    measureMs: options.seconds * 1000,
    scale: options.quick ? quickScale : 1,
    tlsFiles: tls.files,
  };
  if (options.mode === "guard") return guard(context);
  installRivals(cases, options.servers);
  const results = await measure(cases, options, context);
  keepLatest(results);
  if (options.json) console.log(JSON.stringify(results));
  if (options.publish) await publish(results);
  return results.cases.every((result) =>
    result.contenders.every((contender) =>
      contender.rounds.every((round) => round.failed === undefined),
    ),
  );
}

const options = parseOptions(process.argv.slice(2));
switch (options.mode) {
  case "help":
    console.log(usage);
    break;
  case "list":
    for (const { name, title } of benchCases) {
      console.log(`${name.padEnd(22)}${title}`);
    }
    break;
  case "render":
    await renderDocs();
    break;
  case "guard":
  case "measure":
    if (process.platform === "linux") {
      process.exitCode = (await main(options)) ? 0 : 1;
    } else {
      console.error(
        "Nothing was measured: processes are pinned to cores and their CPU is read from /proc, on Linux alone.",
      );
      // The guard is a part of npm test, which is for everyone.
      process.exitCode = options.mode === "guard" ? 0 : 1;
    }
    break;
}
