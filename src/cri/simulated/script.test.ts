import { describe, expect, test } from "vitest";
import { PodScripts } from "./pod-scripts.ts";
import { readScript, scriptProblems, scriptSettings, settingProblem, stepAt, stepsUntil } from "./script.ts";

const p = "simulated.sampan.dev/";
const read = (...sources: Record<string, string>[]) => readScript(sources, "app", 0);

describe("a script", () => {
  test("takes what is written for the container, then for the pod, then what rules say", () => {
    expect(read({ [`${p}ready-after`]: "1s", [`${p}ready-after.app`]: "2s" }).readyAfterMs).toBe(2_000);
    expect(read({ [`${p}ready-after`]: "1s" }, { [`${p}ready-after.app`]: "2s" }).readyAfterMs).toBe(1_000);
    expect(read({}, { [`${p}ready-after.app`]: "2s" }, { [`${p}ready-after`]: "3s" }).readyAfterMs).toBe(
      2_000,
    );
  });

  test("is one and the same for all that have none", () => {
    expect(read({})).toBe(read({ "example.com/other": "1" }));
  });

  test("reads times at which probes fail", () => {
    expect(read({ [`${p}liveness-fails`]: "30s-1m, 5m-" }).fails.liveness).toEqual([
      { fromMs: 30_000, toMs: 60_000 },
      { fromMs: 300_000, toMs: Infinity },
    ]);
  });

  test("reads use that changes with age", () => {
    const { cpuCores, memoryBytes } = read({ [`${p}cpu`]: "5m=900m,100m", [`${p}memory`]: "64Mi" });
    expect([0, 299_999, 300_000].map((ageMs) => stepAt(cpuCores, ageMs))).toEqual([0.1, 0.1, 0.9]);
    expect(stepsUntil(cpuCores, 310_000)).toBeCloseTo(0.1 * 300_000 + 0.9 * 10_000);
    expect(stepAt(memoryBytes, 0)).toBe(64 * 2 ** 20);
  });
});

test.each([
  ["run-duration", "10 parsecs", '"10 parsecs" is no duration: write 250ms, 30s or 1h30m'],
  ["ready-after", "-5s", '"-5s" is no duration'],
  ["crash-every", "0s", '"0s" is no duration above zero'],
  ["exit-code", "256", '"256" is no exit code: write a number from 0 to 255'],
  ["exit-codes", "1,,0", '"1,,0" is no list of exit codes'],
  ["ready", "yes", '"yes" is neither "true" nor "false"'],
  ["readiness-fails", "1m-30s", '"1m-30s" is no list of times'],
  ["log-at", "soon hello", '"soon hello" is no list of lines'],
  ["cpu", "lots", '"lots" is no amount of processor time'],
  ["memory", "-1Mi", '"-1Mi" is no amount of memory'],
  ["run-duraton", "1s", 'there is no setting "run-duraton"; there are start-delay,'],
])("%s: %j is refused", (name, text, problem) => {
  expect(settingProblem(name, text)).toContain(problem);
});

test.each([
  ["crash-every", "10m"],
  ["exit-codes", "1, 1, 0"],
  ["startup-fails", "0s-10s"],
  ["log-at", "0s starting\n5s listening on :80\n1m"],
  ["cpu", "250m"],
  ["memory", "1Gi,10m=2Gi"],
  ["start-error", ""],
])("%s: %j is followed", (name, text) => {
  expect(settingProblem(name, text)).toBeUndefined();
});

test("problems name annotation, value and container; annotations of others are none", () => {
  const annotations = {
    [`${p}run-duration.app`]: "long",
    [`${p}cpu.sidecar`]: "1",
    [`${p}log`]: "fine",
    "example.com/run-duration": "long",
  };
  expect(scriptProblems(annotations, ["app"])).toEqual([
    `annotation ${p}run-duration.app: "long" is not followed: "long" is no duration: write 250ms, 30s or 1h30m`,
    `annotation ${p}cpu.sidecar: "1" is not followed: the pod has no container "sidecar"`,
  ]);
});

describe("rules", () => {
  const pod = { namespace: "shop", name: "web-1", labels: { app: "web" } };
  const readyAfter = (scripts: PodScripts, container = "app") =>
    readScript(scripts.settingsFor(pod), container, 0).readyAfterMs;

  test.each([
    [{}, true],
    [{ namespace: "shop" }, true],
    [{ namespace: "other" }, false],
    [{ name: "web-*" }, true],
    [{ name: "web" }, false],
    [{ name: "*.1" }, false],
    [{ labels: "app in (web, api),!legacy" }, true],
    [{ labels: { app: "api" } }, false],
    [{ container: "app" }, true],
    [{ container: "sidecar" }, false],
  ])("for %j hold: %j", (pattern, holds) => {
    const scripts = new PodScripts();
    scripts.script(pattern, { readyAfter: "5s" });
    expect(readyAfter(scripts)).toBe(holds ? 5_000 : 0);
  });

  test("the later one counts, until it is taken back", () => {
    const scripts = new PodScripts();
    scripts.script({}, { readyAfter: 1_000, stopDuration: "2s" });
    const later = scripts.script({ name: "web-*" }, { readyAfter: 7_000 });
    expect(readyAfter(scripts)).toBe(7_000);
    expect(readScript(scripts.settingsFor(pod), "app", 0).stopDurationMs).toBe(2_000);
    expect(scripts.list().map(({ script }) => script.readyAfter)).toEqual([1_000, 7_000]);
    later.remove();
    expect(readyAfter(scripts)).toBe(1_000);
  });

  test("every setting of an annotation can be said by a rule", () => {
    const script = {
      startDelay: "1s",
      startError: "no such file",
      runDuration: "1m",
      crashEvery: 10_000,
      exitCode: 3,
      exitCodes: [1, 0],
      readyAfter: "1s",
      ready: false,
      unhealthyAfter: "5m",
      startupFails: "0s-1s",
      readinessFails: "0s-1s",
      livenessFails: "5m-",
      oomAfter: "1h",
      stopDuration: "1s",
      ignoreStop: true,
      log: ["one", "two"],
      logEvery: "1m",
      logAt: ["5s listening"],
      cpu: 0.25,
      memory: "64Mi",
    };
    const scripts = new PodScripts();
    scripts.script({}, script);
    const said = Object.keys(scripts.settingsFor(pod)[0] ?? {}).map((key) => key.slice(p.length));
    expect(said.toSorted()).toEqual(scriptSettings.toSorted());
  });

  test("that cannot be followed are refused by the name of the setting", () => {
    expect(() => new PodScripts().script({}, { readyAfter: "soon" })).toThrow(
      'script: readyAfter: "soon" is no duration',
    );
  });
});
