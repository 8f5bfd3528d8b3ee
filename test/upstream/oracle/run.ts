/**
 * Asks Kubernetes' own code and ours what they make of thousands of writes, and shows where they differ, grouped by kind and
 * field: `npm run oracle -- [--kind REGEX] [--examples N] [--groups N] [--json FILE]`. Needs a Go toolchain for the first build.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import { buildOracle, goVersion } from "../build.ts";
import { acceptedReason } from "./accepted.ts";
import { type Base, bases } from "./bases.ts";
import { compare, type Difference } from "./compare.ts";
import { mutate, mutations } from "./mutations.ts";
import { Oracle } from "./oracle.ts";
import { OurServer } from "./ours.ts";
import type { Answer, Question } from "./question.ts";

const { values } = parseArgs({
  options: {
    kind: { type: "string", default: "" },
    examples: { type: "string", default: "1" },
    groups: { type: "string", default: "60" },
    json: { type: "string" },
  },
});

if (goVersion() === undefined) {
  console.log("skipped: no Go toolchain to build the oracle with");
  process.exit(0);
}

interface Found extends Difference {
  readonly question: Question;
  readonly mutation: string;
}

const oracle = new Oracle(buildOracle((line) => console.log(line)));
const ours = await OurServer.start();
const groups = new Map<string, Found[]>();
const acceptedCounts = new Map<string, number>();
const seen = new Set<string>();
/** How many manifests of a kind are changed field by field; the others are only asked about as they are. */
const publishedPerKind = 3;
const published = new Map<string, number>();
let asked = 0;

const wanted = new RegExp(values.kind);
for (const base of bases(ours.scheme)) {
  if (wanted.test(`${base.object.apiVersion}/${base.object.kind}`)) await examine(base);
}
await oracle.close();
report();

async function examine(base: Base): Promise<void> {
  if (base.depth === 0) {
    const count = (published.get(base.object.kind ?? "") ?? 0) + 1;
    published.set(base.object.kind ?? "", count);
    if (count > publishedPerKind) {
      const { info, object } = base;
      await answerBoth(
        base,
        {
          op: "create",
          subresource: "",
          resource: info.resource,
          namespace: info.namespaced ? "default" : "",
          object,
        },
        "unchanged",
      );
      return;
    }
  }
  await sweep(base, "create", "", base.object, undefined);
  let stored: UnstructuredObject;
  try {
    stored = await ours.store(base.info, base.object);
  } catch (error) {
    // A manifest that nobody takes, or a second of one name: its creation was compared above.
    if (base.depth > 0) console.log(`${base.label}: not stored: ${String(error)}`);
    return;
  }
  const { managedFields: _, ...metadata } = stored.metadata;
  const old: UnstructuredObject = { ...stored, metadata };
  await sweep(base, "update", "", old, old);
  for (const { name, verbs, kind } of base.info.subresources) {
    if (kind === undefined && verbs.includes("update")) await sweep(base, "update", name, old, old);
  }
}

async function sweep(
  base: Base,
  op: Question["op"],
  subresource: string,
  object: UnstructuredObject,
  old: UnstructuredObject | undefined,
): Promise<void> {
  const { info } = base;
  const { schemas } = ours.scheme;
  const depth = op === "create" ? base.depth : Math.min(base.depth, subresource === "" ? 2 : 3);
  const skip = (path: string): boolean => isLeftAlone(base, subresource, path);
  const pending: Promise<void>[] = [];
  const ask = (changed: UnstructuredObject, mutation: string): void => {
    const namespace = info.namespaced ? "default" : "";
    const question: Question = {
      op,
      subresource,
      resource: info.resource,
      namespace,
      object: changed,
      ...(old === undefined ? {} : { old }),
    };
    const key = JSON.stringify([op, subresource, changed, op === "update" ? old?.metadata.name : ""]);
    if (seen.has(key)) return;
    seen.add(key);
    pending.push(answerBoth(base, question, mutation));
  };
  ask(object, "unchanged");
  for (const mutation of mutations(schemas, info.schemaName, object, { depth, skip })) {
    const changed = mutate(schemas, info.schemaName, object, mutation) as UnstructuredObject;
    // A body without the name of the URL is refused before anyone looks at it.
    if (old !== undefined && changed.metadata?.name !== old.metadata.name) continue;
    if (changed.metadata === undefined || changed.metadata === null) continue;
    ask(changed, `${mutation.path.join(".")} = ${JSON.stringify(mutation.value)?.slice(0, 60)}`);
    if (pending.length >= 64) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
}

/** Parts that other questions ask about at length. */
function isLeftAlone({ depth, object }: Base, subresource: string, path: string): boolean {
  if (
    /^metadata\.(managedFields|creationTimestamp|uid|resourceVersion|selfLink|deletion\w+|generation)/.test(
      path,
    )
  )
    return true;
  if (/^metadata\.namespace$/.test(path)) return true;
  if (path.startsWith("status") && subresource !== "status" && subresource !== "approval") return true;
  if (subresource === "status" && path.startsWith("spec") && path.split(".").length > 2) return true;
  if (/template\.metadata\.(?!labels|annotations)/.test(path)) return true;
  const own = object.kind === "Pod" || depth === 0;
  if (
    !own &&
    /template\.spec\.(?!containers$|containers\.0$|containers\.0\.(name|image)|restartPolicy|activeDeadlineSeconds|hostNetwork|nodeName|serviceAccountName)/.test(
      path,
    )
  )
    return true;
  return (
    object.kind !== "ConfigMap" &&
    object.kind !== "Namespace" &&
    /^metadata\.(ownerReferences|annotations|labels)\./.test(path)
  );
}

async function answerBoth(base: Base, question: Question, mutation: string): Promise<void> {
  asked++;
  const [expected, found] = await Promise.all([oracle.ask(question), ours.ask(base.info, question)]);
  note(base, question, mutation, expected, found);
}

function note(base: Base, question: Question, mutation: string, expected: Answer, found: Answer): void {
  const difference = compare(expected, found);
  if (difference === undefined) return;
  const { op, subresource } = question;
  const name = `${base.object.apiVersion}/${base.object.kind} ${op}${subresource === "" ? "" : `/${subresource}`} ${difference.group}`;
  const reason = acceptedReason(name, difference, mutation);
  if (reason !== undefined) {
    acceptedCounts.set(reason, (acceptedCounts.get(reason) ?? 0) + 1);
    return;
  }
  const list = groups.get(name) ?? [];
  list.push({ ...difference, question, mutation: `${base.label}: ${mutation}` });
  groups.set(name, list);
}

function report(): void {
  const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length);
  for (const [name, list] of sorted.slice(0, Number(values.groups))) {
    console.log(`\n${list.length}  ${name}`);
    for (const { mutation, expected, found } of list.slice(0, Number(values.examples))) {
      console.log(
        `    ${mutation}\n      kubernetes: ${expected.slice(0, 1500)}\n      ours:       ${found.slice(0, 1500)}`,
      );
    }
  }
  const different = sorted.reduce((sum, [, list]) => sum + list.length, 0);
  const accepted = [...acceptedCounts.values()].reduce((sum, count) => sum + count, 0);
  for (const [reason, count] of acceptedCounts) console.log(`accepted ${count}: ${reason}`);
  console.log(
    `\n${asked} writes compared, ${different} differ in ${sorted.length} groups, ${accepted} accepted differences`,
  );
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(Object.fromEntries(sorted)));
  process.exitCode = different === 0 ? 0 : 1;
}
