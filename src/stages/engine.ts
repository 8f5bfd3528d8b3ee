import type { Node, Pod } from "../api/types/core-v1.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { APIResourceList } from "../apimachinery/meta-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import { PodAddresses } from "./addresses.ts";
import { NodeLeases } from "./node-leases.ts";
import { playStage } from "./play-stage.ts";
import { readStage, type Stage, type StageObject } from "./stage.ts";
import { StagePlayer } from "./stage-player.ts";
import type { TemplateWorld } from "./template-functions.ts";

export interface StageEngineOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Whether a simulated node of that name has an agent of ours. */
  readonly hasAgent: (node: string) => boolean;
}

const stageReference: ResourceReference<StageObject> = {
  group: "kwok.x-k8s.io",
  version: "v1alpha1",
  resource: "stages",
  kind: "Stage",
  namespaced: false,
};

/** Nodes that nobody but Stages looks after. */
const isFake = ({ metadata }: KubernetesObject): boolean =>
  metadata.annotations?.["kwok.x-k8s.io/node"] === "fake";

/**
 * Leads objects through the Stages of kwok (kwok.x-k8s.io/v1alpha1) that lie in the cluster: pods of simulated nodes,
 * simulated nodes, nodes annotated `kwok.x-k8s.io/node: fake` with their pods, and all objects of other kinds. A Stage that
 * cannot be followed is refused by an event about it.
 */
export class StageEngine {
  readonly #options: StageEngineOptions;
  readonly #stageObjects: Informer<StageObject>;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #players = new Map<string, StagePlayer>();
  /** Pods of nodes with an agent that leaves them to Stages, by uid. */
  readonly #claimed = new Set<string>();
  readonly #addresses = new PodAddresses();
  readonly #leases: NodeLeases;
  readonly #world: TemplateWorld;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(options: StageEngineOptions) {
    this.#options = options;
    const { informers, client, clock, signal } = options;
    this.#stageObjects = informers.informer(stageReference);
    this.#nodes = informers.informer(resources.nodes);
    this.#pods = informers.informer(resources.pods);
    this.#leases = new NodeLeases(client, clock);
    this.#world = {
      nowMs: () => clock.now(),
      startedMs: clock.now(),
      nodeIp: (name) => this.#nodeIp(name),
      podIp: ({ node, hostNetwork, uid, key }) =>
        hostNetwork
          ? this.#nodeIp(node)
          : this.#addresses.of(uid === "" ? key : uid, this.#pods.getByKey(key)?.status?.podIP),
    };
    signal.addEventListener("abort", () => this.#stop(), { once: true });
  }

  /** Resolves when the Stages that lie in the cluster are followed. */
  async start(): Promise<void> {
    await Promise.all([this.#stageObjects.synced(), this.#nodes.synced(), this.#pods.synced()]);
    if (this.#options.signal.aborted) return;
    const changed = (): void => this.#read();
    const refuse = (stage: StageObject): void => this.#check(stage);
    this.#unsubscribe.push(
      this.#stageObjects.addHandler({ added: refuse, updated: (_, stage) => refuse(stage) }),
      this.#stageObjects.addHandler({ added: changed, updated: changed, deleted: changed }),
      this.#pods.addHandler({
        deleted: ({ metadata: { uid = "" } }) => {
          this.#claimed.delete(uid);
          this.#addresses.giveBack(uid);
        },
      }),
      this.#nodes.addHandler({
        added: (node) => this.#lease(node),
        updated: (_, node) => this.#lease(node),
        deleted: ({ metadata }) => this.#leases.delete(metadata.name ?? ""),
      }),
    );
    this.#read();
  }

  /** Whether Stages rule the pod instead of its node's agent; what is true once stays true. */
  claimsPod({ metadata: { uid = "" } }: Pod): boolean {
    if (this.#claimed.has(uid)) return true;
    if (!this.#rules("v1 Pod")) return false;
    this.#claimed.add(uid);
    return true;
  }

  /** Whether Stages tell how nodes are, instead of their agents. */
  claimsNodes(): boolean {
    return this.#rules("v1 Node");
  }

  #rules(kind: string): boolean {
    return (this.#players.get(kind)?.stages.length ?? 0) > 0;
  }

  #stop(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    for (const player of this.#players.values()) player.stop();
    this.#leases.stop();
  }

  #lease(node: Node): void {
    if (isFake(node) && !this.#options.hasAgent(node.metadata.name ?? ""))
      this.#leases.add(node.metadata.name ?? "");
  }

  #check(object: StageObject): void {
    try {
      readStage(object, this.#world);
    } catch (error) {
      this.#options.events.event(
        object,
        "Warning",
        "StageRefused",
        `The Stage is not followed: ${textOf(error)}`,
      );
    }
  }

  /** Reads all Stages anew: there are a dozen. */
  #read(): void {
    const byKind = new Map<string, Stage[]>();
    for (const object of this.#stageObjects.list()) {
      const stage = this.#understood(object);
      if (stage === undefined) continue;
      const kind = `${stage.apiVersion} ${stage.kind}`;
      byKind.set(kind, [...(byKind.get(kind) ?? []), stage]);
    }
    for (const [kind, player] of this.#players) player.setStages(byKind.get(kind) ?? []);
    for (const [kind, stages] of byKind) if (!this.#players.has(kind)) this.#follow(kind, stages);
  }

  #understood(object: StageObject): Stage | undefined {
    try {
      return readStage(object, this.#world);
    } catch {
      // `check` has told of it.
      return undefined;
    }
  }

  #follow(kind: string, stages: readonly Stage[]): void {
    if (kind === "v1 Pod" || kind === "v1 Node") {
      const reference = kind === "v1 Pod" ? resources.pods : resources.nodes;
      this.#begin(kind, reference, stages);
      return;
    }
    const [apiVersion = "", name = ""] = kind.split(" ");
    this.#discover(apiVersion, name)
      .then((reference) => {
        if (reference !== undefined && !this.#players.has(kind)) {
          this.#begin(kind, reference, stages);
          this.#read();
        }
      })
      .catch((error: unknown) =>
        this.#options.logger.warn("a kind that Stages name is not served", { kind, error: textOf(error) }),
      );
  }

  #begin(kind: string, reference: ResourceReference, stages: readonly Stage[]): void {
    const { clock, random, informers, client, events, logger } = this.#options;
    const parts = { objects: client.resource(reference), events };
    const player = new StagePlayer({
      clock,
      random,
      informer: informers.informer(reference),
      view: (object) => this.#view(kind, object),
      play: (stage, object) => playStage(parts, stage, object),
      failed: (stage, object, error) => {
        logger.warn("a Stage failed", { stage: stage.name, error: textOf(error) });
        events.event(
          object,
          "Warning",
          "StageFailed",
          `Stage ${stage.name} failed: ${textOf(error)}`.slice(0, 1024),
        );
      },
    });
    this.#players.set(kind, player);
    player.setStages(stages);
  }

  /** What Stages see of an object that they rule. */
  #view(kind: string, object: KubernetesObject): KubernetesObject | undefined {
    if (kind === "v1 Node") {
      if (isFake(object)) return object;
      // An agent has brought it up: in the words of Stages it runs.
      const { status } = object as Node;
      return this.#options.hasAgent(object.metadata.name ?? "")
        ? ({ ...object, status: { phase: "Running", ...status } } as KubernetesObject)
        : undefined;
    }
    if (kind !== "v1 Pod") return object;
    const { spec, metadata } = object as Pod;
    const node = this.#nodes.get(spec.nodeName ?? "");
    if (node === undefined) return undefined;
    return this.#claimed.has(metadata.uid ?? "") || isFake(node) ? object : undefined;
  }

  /** A pod that its agent has just left to Stages. */
  look(pod: Pod): void {
    this.#players.get("v1 Pod")?.look(pod);
  }

  async #discover(apiVersion: string, kind: string): Promise<ResourceReference | undefined> {
    const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { body } = await this.#options.client.transport.request({ method: "GET", path });
    const found = (body as APIResourceList).resources.find(
      (resource) => resource.kind === kind && !resource.name.includes("/"),
    );
    if (found === undefined) return undefined;
    const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
    const { name, namespaced } = found;
    return { group: group ?? "", version: version ?? "", resource: name, kind, namespaced };
  }

  #nodeIp(name: string): string {
    const addresses = this.#nodes.get(name)?.status?.addresses;
    return addresses?.find(({ type }) => type === "InternalIP")?.address ?? "127.0.0.1";
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
