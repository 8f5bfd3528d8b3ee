/**
 * Runs the checks of `npm run ok`, builds, runs all tests, and ends with `N passed, N failed`, where each check counts as
 * one. Arguments are passed to vitest: `npm test -- src/storage`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
  readonly testResults: readonly { readonly status: string; readonly message: string }[];
}

const checks: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ["format", "biome", ["check", "."]],
  ["lint", "oxlint", ["--type-aware"]],
  ["types", "tsc", ["-p", "."]],
  ["tidy", "node", ["tools/tidy.ts"]],
  ["dead code", "knip", []],
  ["build", "node", ["tools/build.ts"]],
];

let passed = 0;
let failed = 0;

for (const [name, command, args] of checks) {
  const startMs = performance.now();
  const result = spawnSync(command, args, { encoding: "utf8" });
  const tookS = ((performance.now() - startMs) / 1000).toFixed(1);
  if (result.status === 0) passed++;
  else {
    failed++;
    process.stdout.write(`${result.stdout}${result.stderr}`);
  }
  console.log(`${result.status === 0 ? "ok" : "FAILED"}  ${name} (${tookS} s)`);
}

/** Real containers and clients come last and alone: what shares the processors with them would be measured too. */
const everything: readonly (readonly [name: string, args: readonly string[]])[] = [
  ["unit tests", ["src", "tools"]],
  ["conformance", ["test/", "--exclude", "test/e2e/**", "--maxWorkers=1"]],
  ["end to end", ["test/e2e", "--maxWorkers=1"]],
];
const asked = process.argv.slice(2);
const runs = asked.length === 0 ? everything : [["tests", asked] as const];

let skipped = 0;
const scratch = mkdtempSync(join(tmpdir(), "sampan-test-"));
for (const [name, args] of runs) {
  const reportFile = join(scratch, "report.json");
  rmSync(reportFile, { force: true });
  console.log(`\n${name}:`);
  const run = spawnSync(
    "vitest",
    [
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${reportFile}`,
      "--passWithNoTests",
      ...args,
    ],
    { stdio: "inherit" },
  );
  count(reportFile, run.status);
}
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 ? 0 : 1;

function count(reportFile: string, status: number | null): void {
  try {
    const report = JSON.parse(readFileSync(reportFile, "utf8")) as VitestReport;
    passed += report.numPassedTests;
    failed += report.numFailedTests;
    skipped += report.numPendingTests;
    // A file that cannot be loaded fails without a test of its own; an unhandled error fails the run.
    const broken = report.testResults.filter(
      (file) => file.status === "failed" && file.message !== "",
    ).length;
    if (report.numFailedTests === 0 && (broken > 0 || status !== 0)) failed += Math.max(1, broken);
  } catch {
    failed++;
    console.log("FAILED  vitest wrote no report");
  }
}
