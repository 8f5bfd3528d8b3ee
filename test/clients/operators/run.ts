/**
 * Runs operators that people use, from their own manifests, in a fresh cluster each, and goes through their first steps:
 * `npm run operators`, or `npm run operators -- argo-rollouts`. Needs Go, root and the node agent; the first build of each
 * takes minutes. What came out last stands in docs/operators.md.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { Home, missingHere, RunningCluster, removeProgram } from "../../e2e/sampan.ts";
import type { BuiltImage } from "../../images/build.ts";
import { argoRollouts } from "./argo-rollouts.ts";
import { ModuleBuild } from "./build.ts";
import { certManager } from "./cert-manager.ts";
import { gatewayApi } from "./gateway-api.ts";
import { kopf } from "./kopf.ts";
import { type KnownOperator, programImage, standIn } from "./operator.ts";
import { prometheusOperator } from "./prometheus-operator.ts";

const operators: readonly KnownOperator[] = [gatewayApi, kopf, certManager, prometheusOperator, argoRollouts];

const { positionals } = parseArgs({ allowPositionals: true });

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Undefined when all its steps worked; what they were is said as they do. */
async function tryOut(operator: KnownOperator): Promise<unknown> {
  const { module, version } = operator;
  const build = module === undefined ? undefined : new ModuleBuild({ module, version }, say);
  const home = new Home();
  const name = "operators";
  const cluster = new RunningCluster(home, name);
  try {
    const images = await Promise.all([
      ...programImages(build, operator),
      ...(operator.standIns ?? []).map((image) => standIn(image)),
    ]);
    if (images.length > 0)
      await home.must(["image", "import", ...images.map(({ archive }) => archive), "--name", name]);
    await home.must(["up", "--name", name]);
    const worked = (what: string): void => say(`  ok  ${what}`);
    await operator.tryOut({ cluster, source: build?.source ?? import.meta.dirname, worked });
    return undefined;
  } catch (error) {
    const events = await cluster.try(["get", "events", "-A", "--field-selector=type=Warning"]);
    say(`${error instanceof Error ? error.message : String(error)}\n${events.stdout}`);
    return error;
  } finally {
    await home.leave();
  }
}

const programImages = (build: ModuleBuild | undefined, operator: KnownOperator): Promise<BuiltImage>[] =>
  build === undefined
    ? []
    : (operator.programs ?? []).map((program) =>
        programImage(program, build.program(program.main, program.flags)),
      );

async function main(): Promise<number> {
  const missing = [...missingHere(), ...(spawnSync("go", ["version"]).status === 0 ? [] : ["go"])];
  if (missing.length > 0) {
    say(`Operators were not tried: this machine lacks ${missing.join(", ")}.`);
    return 0;
  }
  let failed = 0;
  for (const operator of operators) {
    if (positionals.length > 0 && !positionals.includes(operator.name)) continue;
    say(`${operator.name} ${operator.version}`);
    if ((await tryOut(operator)) !== undefined) failed++;
  }
  removeProgram();
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
