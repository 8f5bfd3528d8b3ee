import { formatMicroTime } from "../../../src/apimachinery/clock.ts";
import { isObject } from "../../../src/apimachinery/json.ts";
import type { KubernetesObject } from "../../../src/apimachinery/object.ts";
import { SeededRandom } from "../../../src/apimachinery/random.ts";
import { possibleStages, readStage } from "../../../src/stages/stage.ts";
import type { Move } from "../../../src/stages/steps.ts";
import type { TemplateWorld } from "../../../src/stages/template.ts";
import type { KwokObject } from "./files.ts";

/** When kwok's test data plays. */
const nowMs = Date.UTC(2006, 0, 2, 15, 4, 5);
const nodePort = 10_250;

/** As kwok's tests have it: an address tells what was asked for. */
function worldOf(own: string): TemplateWorld {
  const addresses = (of: string, ...asked: unknown[]): string[] =>
    [0, 1].map((at) => `${at} of ${of}(${asked.map((value) => JSON.stringify(value)).join(", ")})`);
  return {
    nowMs: () => nowMs,
    startedMs: nowMs,
    random: new SeededRandom(1),
    version: "<Version>",
    nodePort,
    nodeIps: (node) => (node === own ? ["<NodeIP>"] : addresses("Node", node)),
    podIps: ({ node, hostNetwork, uid, name, namespace }) =>
      addresses("Pod", node, hostNetwork, uid, name, namespace),
  };
}

/** Kwok's placeholders, as they are here. */
function filledIn(value: unknown, own: string): unknown {
  if (Array.isArray(value)) return value.map((item) => filledIn(item, own));
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filledIn(item, own)]));
  if (value === "<NodePort>") return nodePort;
  if (value === "<NodeName>") return own;
  if (typeof value !== "string") return value;
  return value
    .replaceAll("<Now>", formatMicroTime(nowMs))
    .replaceAll(
      /<(?:(\d) of )?(Node|Pod)IPs?With(\(.*?\))>/g,
      (_, at: string | undefined, of, asked) => `${at ?? 0} of ${of}${asked}`,
    );
}

/** What kwok says, as `ourStages` says it. */
export function kwokStagesOf(output: unknown, own: string): unknown {
  const { stages } = filledIn(output, own) as { stages: readonly { readonly next: readonly object[] }[] };
  // That the next one is looked for at once is so here with all.
  return stages.map((stage) => ({
    ...stage,
    next: stage.next.filter((move) => !("kind" in move && move.kind === "immediate")),
  }));
}

const contentTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** In the words of kwok's test data. */
function said(move: Move): object {
  if (move.kind === "event" || move.kind === "delete") return move;
  const { kind, type, subresource, body: data, asUser } = move;
  return {
    kind,
    // kwok's tests hand over objects whose type it does not know; as it runs it knows Pods and Nodes.
    type: contentTypes[type === "strategic" ? "merge" : type],
    ...(subresource !== "" && { subresource }),
    data,
    ...(asUser !== "" && { impersonation: asUser }),
  };
}

/** What our reading of the Stages does to an object, all of those that may be next. */
export function ourStages(stages: readonly KwokObject[], input: KwokObject): unknown {
  const world = worldOf(input.metadata.name);
  const read = stages
    .map((stage) => ({ stage: readStage(stage, world), spec: stage.spec }))
    .filter(({ stage }) => stage.apiVersion === input.apiVersion && stage.kind === input.kind);
  const object = input as KubernetesObject;
  const possible = possibleStages(
    read.map(({ stage }) => stage),
    object,
  );
  return possible.map(({ stage, weight }) => {
    const delay = stage.delayRange(object, nowMs)?.map((ms) => ms * 1e6);
    const next = stage.steps.flatMap((step) => step(object) ?? []).map(said);
    return { stage: stage.name, ...(delay !== undefined && { delay }), weight, next };
  });
}

/** Reads a Stage of kwok's. Throws StageRefused. */
export function read(stage: KwokObject): void {
  readStage(stage, worldOf(""));
}
