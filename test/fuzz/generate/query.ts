import type { Dice } from "./dice.ts";

/** Parameters as clients send them, and as they do not. */
const values: Readonly<Record<string, readonly string[]>> = {
  limit: ["1", "2", "500", "0", "-1", "99999999999999999999", "x", "1.5", ""],
  continue: ["CURSOR", "CURSOR", "junk", "e30", "bnVsbA", "", "%00", "=", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"],
  resourceVersion: ["0", "1", "", "999999999999", "-1", "x", "1.5", "00", "18446744073709551616", "NaN", "2"],
  resourceVersionMatch: ["Exact", "NotOlderThan", "", "x"],
  labelSelector: [
    "fuzz=1",
    "fuzz!=1",
    "fuzz in (1,2)",
    "!fuzz",
    "fuzz notin (",
    "a=b,,c",
    "=",
    "a==b==c",
    "a in ()",
    "a>5",
    "a<x",
    "a/b/c=d",
    `a=${"x".repeat(100)}`,
    `a in (${"x,".repeat(3000)}y)`,
    "\u0000",
    "é=1",
    "(((((",
  ],
  fieldSelector: [
    "metadata.name=fz-0",
    "metadata.namespace=fz-a",
    "metadata.name!=fz-0,metadata.namespace=fz-b",
    "spec.nodeName=simulated",
    "status.phase=Running",
    "involvedObject.name=x",
    "nope=1",
    "=",
    "a",
    "metadata.name=a\\",
    "metadata.name=a\\=b",
    "__proto__=1",
    "metadata.name==fz-1",
    ",",
  ],
  timeoutSeconds: ["1", "0", "-1", "x", "99999999999999", "1.5"],
  timeout: ["1s", "1ms", "0", "-1s", "x", "10h", "9999999999h", "1e3s", "5"],
  allowWatchBookmarks: ["true", "1", "false", "x"],
  sendInitialEvents: ["true", "false", "x", ""],
  watch: ["1", "true", "false", "0", "x", ""],
  pretty: ["true", "1", "0", "x"],
  dryRun: ["All", "", "None", "all", "x"],
  fieldManager: ["m", "", "x".repeat(128), "x".repeat(129), "\u0000", "é"],
  fieldValidation: ["Strict", "Warn", "Ignore", "x", "strict"],
  force: ["true", "false", "x", "1"],
  gracePeriodSeconds: ["0", "1", "-1", "x", "9999999999999999999"],
  propagationPolicy: ["Orphan", "Background", "Foreground", "x", ""],
  orphanDependents: ["true", "x"],
  "preconditions.uid": ["x"],
  ignoreStoreReadErrorWithClusterBreakingPotential: ["true", "x"],
  includeObject: ["None", "Metadata", "Object", "x"],
  shardSelector: ["x"],
  container: ["c", "x", ""],
  command: ["ls", "", "\u0000"],
  stdin: ["true", "x"],
  stdout: ["true"],
  stderr: ["true"],
  tty: ["true", "x"],
  follow: ["true", "x"],
  previous: ["true"],
  tailLines: ["1", "-1", "x", "99999999999999"],
  limitBytes: ["1", "0", "-1", "x"],
  sinceSeconds: ["1", "0", "-5", "x"],
  sinceTime: ["2026-01-01T00:00:00Z", "x"],
  timestamps: ["true"],
  ports: ["80", "0", "x", "80,81", "99999"],
  path: ["/", "../..", "http://127.0.0.1/"],
  stream: ["All", "Stdout", "Stderr", "x"],
  verbose: ["1"],
  exclude: ["etcd", "x"],
};

/** Which of them belong to which verb; the others are strangers there. */
const fitting: Readonly<Record<string, readonly string[]>> = {
  get: ["resourceVersion", "pretty", "includeObject"],
  list: [
    "limit",
    "continue",
    "resourceVersion",
    "resourceVersionMatch",
    "labelSelector",
    "fieldSelector",
    "timeoutSeconds",
    "pretty",
    "includeObject",
    "sendInitialEvents",
  ],
  watch: [
    "resourceVersion",
    "resourceVersionMatch",
    "labelSelector",
    "fieldSelector",
    "allowWatchBookmarks",
    "sendInitialEvents",
    "timeoutSeconds",
    "limit",
  ],
  write: ["dryRun", "fieldManager", "fieldValidation", "pretty", "timeout"],
  apply: ["force", "dryRun", "fieldManager", "fieldValidation"],
  delete: ["gracePeriodSeconds", "propagationPolicy", "orphanDependents", "dryRun", "labelSelector", "limit"],
  stream: [
    "container",
    "command",
    "stdin",
    "stdout",
    "stderr",
    "tty",
    "follow",
    "previous",
    "tailLines",
    "limitBytes",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "ports",
    "path",
    "stream",
  ],
};
const all = Object.keys(values);

/** Parameters for the verb; the sane ones are always there. */
export function query(dice: Dice, verb: string, sane: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(sane).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const names = fitting[verb] ?? all;
  for (
    let left = dice.weighted([
      [5, 0],
      [3, 1],
      [2, 2],
      [1, 5],
    ]);
    left > 0;
    left--
  ) {
    const name = dice.percent(90) ? dice.pick(names) : dice.pick(all);
    pairs.push(pair(dice, name));
  }
  if (dice.percent(2))
    pairs.push(dice.pick(["", "=", "&&", "%", "%zz=1", "a=%ff%fe", ";a=b", "x".repeat(3000)]));
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function pair(dice: Dice, name: string): string {
  const value = dice.pick(values[name] ?? [""]);
  const text = value === "CURSOR" ? cursor(dice) : value;
  const encoded = dice.percent(95) ? encodeURIComponent(text) : asBytes(text).replace(/[\s#&]/g, "+");
  if (dice.percent(3)) return name;
  return `${name}=${encoded}`;
}

/** A continue token that is well formed, though nobody may have handed it out. */
function cursor(dice: Dice): string {
  const content = {
    v: dice.pick(["meta.k8s.io/v1", "meta.k8s.io/v2", "", null]),
    rv: dice.pick([-1, 0, 1, 5, 1e15, 1.5, "1", null, -2]),
    start: dice.pick(["fz-a/fz-1\0", "fz-1\0", "/", "../../x", "", "a/b/c/d", "\u0000", "x".repeat(2000), 5]),
  };
  return Buffer.from(JSON.stringify(content)).toString("base64url");
}

/** The UTF-8 bytes of a text, one character each. */
const asBytes = (text: string): string => Buffer.from(text).toString("latin1").replaceAll("\0", "%00");
