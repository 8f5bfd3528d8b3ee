/**
 * Runs Kubernetes' own conformance tests against a cluster of ours: `npm run conformance -- --focus 'sig-api-machinery'`.
 * Needs Go, root and the node agent; takes hours for all. `npm run conformance -- --help` has the options.
 */
import { execFileSync, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { buildUpstream, goVersion, upstreamVersion } from "./build.ts";
import { buildUpstreamImages } from "./images.ts";

const help = `Kubernetes ${upstreamVersion}'s own conformance tests against a fresh cluster.

  npm run conformance                                    all of them
  npm run conformance -- --focus 'Secrets|ConfigMap'     tests whose name matches
  npm run conformance -- --kubeconfig FILE               against a cluster that runs already, images imported

  --focus RE     only these                 --skip RE    not these
  --all          also tests that are not part of conformance; give --focus and --skip, most need a cloud
  --program DIR  another build of Sampan    --report F   where results go as JSON
  --log FILE     where all that the tests print goes
  --name NAME    of the cluster, for several runs beside each other
  --images       only build the images and print their archives
`;

interface SpecReport {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
  readonly RunTime: number;
  readonly Failure?: {
    readonly Message: string;
    readonly Location?: { FileName: string; LineNumber: number };
  };
}

const root = resolve(import.meta.dirname, "../..");

const { values } = parseArgs({
  options: {
    focus: { type: "string", default: "" },
    skip: { type: "string", default: "" },
    name: { type: "string", default: "conformance" },
    program: { type: "string" },
    kubeconfig: { type: "string" },
    report: { type: "string" },
    log: { type: "string", default: join(tmpdir(), "sampan-conformance.log") },
    images: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (values.help) say(help);
else if (goVersion() === undefined) {
  say("Kubernetes' own tests were skipped: no Go toolchain is on this machine (go is not on the PATH).");
} else process.exitCode = await main();

async function main(): Promise<number> {
  const programs = buildUpstream(say);
  const images = await buildUpstreamImages(programs);
  if (values.images) {
    for (const { name, archive } of images) say(`${name} ${archive}`);
    return 0;
  }
  const work = mkdtempSync(join(tmpdir(), "sampan-conformance-"));
  const environment = {
    ...process.env,
    SAMPAN_HOME: join(work, "home"),
    KUBECONFIG: values.kubeconfig ?? join(work, "kubeconfig"),
  };
  const [file, ...first] =
    values.program === undefined
      ? [join(root, "sampan")]
      : [process.execPath, join(values.program, "main.js")];
  const sampan = (...words: string[]): void => {
    execFileSync(file, [...first, ...words, "--name", values.name], { env: environment, stdio: "inherit" });
  };
  try {
    if (values.kubeconfig === undefined) {
      sampan("up");
      for (const { archive } of images) sampan("image", "import", archive);
    }
    const report = resolve(values.report ?? join(work, "report.json"));
    await runTests(programs.tests, environment.KUBECONFIG, report, work);
    return summarize(report);
  } finally {
    if (values.kubeconfig === undefined) sampan("down", "--purge");
    rmSync(work, { recursive: true, force: true });
  }
}

async function runTests(program: string, kubeconfig: string, report: string, work: string): Promise<void> {
  const artifacts = join(work, "artifacts");
  mkdirSync(artifacts);
  const words = [
    `--kubeconfig=${kubeconfig}`,
    "--provider=skeleton",
    "--disable-log-dump",
    "--allowed-not-ready-nodes=0",
    `--report-dir=${artifacts}`,
    ...(values.all ? [] : ["--ginkgo.label-filter=Conformance"]),
    ...(values.focus === "" ? [] : [`--ginkgo.focus=${values.focus}`]),
    ...(values.skip === "" ? [] : [`--ginkgo.skip=${values.skip}`]),
    `--ginkgo.json-report=${report}`,
    "--ginkgo.no-color",
    "--ginkgo.timeout=6h",
    "--ginkgo.silence-skips",
    "--ginkgo.v",
  ];
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"], cwd: work });
  // The tests end with what they have, and their cluster goes with them.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void child.kill("SIGINT"));
  const log = createWriteStream(resolve(values.log));
  child.stdout.pipe(log);
  let name = "";
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("[sig-")) name = line;
    if (line.startsWith("• ")) say(`${line} ${name}`);
  }
  await finished(log);
}

/** Failures first, each with what was expected. */
function summarize(report: string): number {
  const suites = JSON.parse(readFileSync(report, "utf8")) as { SpecReports: SpecReport[] | null }[];
  const specs = suites
    .flatMap((suite) => suite.SpecReports ?? [])
    .filter((spec) => spec.LeafNodeType === "It" && spec.State !== "skipped" && spec.State !== "pending");
  const failed = specs.filter((spec) => spec.State !== "passed");
  for (const spec of failed) {
    const name = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(" ");
    const { Message, Location } = spec.Failure ?? { Message: spec.State, Location: undefined };
    say(`FAIL ${name}\n     ${Location?.FileName ?? ""}:${Location?.LineNumber ?? ""}`);
    say(
      Message.split("\n")
        .slice(0, 12)
        .map((line) => `     ${line}`)
        .join("\n"),
    );
  }
  say(`${specs.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}
