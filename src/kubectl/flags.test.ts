import { describe, expect, it } from "vitest";
import { parseDurationMs } from "../apimachinery/duration.ts";
import { type FlagSpecs, parseFlags } from "./flags.ts";

const specs: FlagSpecs = {
  stdin: { type: "bool", short: "i" },
  tty: { type: "bool", short: "t" },
  output: { type: "string", short: "o" },
  tail: { type: "int", default: -1 },
  selector: { type: "string", short: "l" },
  file: { type: "list", short: "f" },
  env: { type: "array", short: "e" },
  timeout: { type: "duration", default: 0 },
  "dry-run": { type: "string", default: "none", optional: "unchanged" },
};

describe("parseFlags()", () => {
  it("reads groups of short flags, glued values, and arguments in any order", () => {
    const { flags, args, dashAt } = parseFlags(specs, [
      "pod",
      "-it",
      "-ojson",
      "--tail=5",
      "x",
      "--",
      "sh",
      "-c",
    ]);
    expect([flags.bool("stdin"), flags.bool("tty"), flags.string("output"), flags.int("tail")]).toEqual([
      true,
      true,
      "json",
      5,
    ]);
    expect(args).toEqual(["pod", "x", "sh", "-c"]);
    expect(dashAt).toBe(2);
  });

  it("lets a flag with an optional value take none but after an equals sign", () => {
    expect(parseFlags(specs, ["--dry-run", "server"]).flags.string("dry-run")).toBe("unchanged");
    expect(parseFlags(specs, ["--dry-run=server"]).flags.string("dry-run")).toBe("server");
    expect(parseFlags(specs, []).flags.string("dry-run")).toBe("none");
    expect(parseFlags(specs, ["--stdin=false"]).flags.bool("stdin")).toBe(false);
  });

  it("collects what is repeated, and splits lists but not arrays at commas", () => {
    const { flags } = parseFlags(specs, ["-f", "a,b", "-f=c", "-e", "A=1,2", "--env=B=3"]);
    expect(flags.list("file")).toEqual(["a", "b", "c"]);
    expect(flags.list("env")).toEqual(["A=1,2", "B=3"]);
  });

  it.each([
    [["--nope"], "unknown flag: --nope"],
    [["-ix"], "unknown shorthand flag: 'x' in -x"],
    [["-o"], "flag needs an argument: 'o' in -o"],
    [["--output"], "flag needs an argument: --output"],
    [["--tail=x"], 'invalid argument "x" for "--tail" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [
      ["--stdin=x"],
      'invalid argument "x" for "-i, --stdin" flag: strconv.ParseBool: parsing "x": invalid syntax',
    ],
    [["--timeout=5"], 'invalid argument "5" for "--timeout" flag: time: missing unit in duration "5"'],
    [["--timeout=x"], 'invalid argument "x" for "--timeout" flag: time: invalid duration "x"'],
  ])("refuses %j in pflag's words", (argv, message) => {
    expect(() => parseFlags(specs, argv)).toThrow(message);
  });
});

it.each([
  ["1h30m", 5_400_000],
  ["1.5s", 1500],
  ["-1s", -1000],
  ["0", 0],
  ["300ms", 300],
  ["5", undefined],
  ["", undefined],
])("parseDurationMs(%j) is %j", (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});
