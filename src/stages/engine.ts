import type { Node, Pod } from "../api/types/core-v1.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import { PodAddresses } from "./addresses.ts";
import { NodeLeases } from "./node-leases.ts";
import { refuseOtherKinds } from "./other-kinds.ts";
import { playStage } from "./play-stage.ts";
import { ServedKinds } from "./served-kinds.ts";
import { readStage, type Stage, type StageObject } from "./stage.ts";
import { StagePlayer } from "./stage-player.ts";
import type { TemplateWorld } from "./template.ts";

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
  /** For steps that are done in the name of a user. */
  readonly clientAs: (user: string) => Client;
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
  /** Kinds that Stages name and nobody serves yet. */
  readonly #awaited = new Set<string>();
  readonly #kinds: ServedKinds;
  readonly #clients = new Map<string, Client>();
  /** Pods of nodes with an agent that leaves them to Stages, by uid. */
  readonly #claimed = new Set<string>();
  readonly #addresses = new PodAddresses();
  readonly #leases: NodeLeases;
  readonly #world: TemplateWorld;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(options: StageEngineOptions) {
    this.#options = options;
    const { informers, client, clock, random, signal } = options;
    this.#stageObjects = informers.informer(stageReference);
    this.#nodes = informers.informer(resources.nodes);
    this.#pods = informers.informer(resources.pods);
    this.#kinds = new ServedKinds(client);
    this.#leases = new NodeLeases(client, clock);
    this.#world = {
      nowMs: () => clock.now(),
      startedMs: clock.now(),
      random,
      version: "sampan",
      nodePort: 0,
      nodeIps: (name) => this.#nodeIps(name),
      podIps: ({ node, hostNetwork, uid, name, namespace }) => {
        if (hostNetwork) return this.#nodeIps(node);
        const key = `${namespace}/${name}`;
        const known = this.#pods.getByKey(key)?.status?.podIP;
        return [this.#addresses.of(uid === "" ? key : uid, known, this.#nodes.get(node)?.spec.podCIDR)];
      },
    };
    signal.addEventListener("abort", () => this.#stop(), { once: true });
  }

  /** Resolves when the Stages that lie in the cluster are followed. */
  async start(): Promise<void> {
    const { informers, events, signal } = this.#options;
    const definitions = informers.informer(resources.customresourcedefinitions);
    await Promise.all([
      this.#stageObjects.synced(),
      this.#nodes.synced(),
      this.#pods.synced(),
      definitions.synced(),
    ]);
    if (signal.aborted) return;
    const changed = (): void => this.#read();
    const served = (): void => {
      if (this.#awaited.size > 0) this.#read();
    };
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
      definitions.addHandler({ added: served, updated: served }),
      refuseOtherKinds(informers, definitions, events),
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
      this.#warn(object, "StageRefused", `The Stage is not followed: ${textOf(error)}`);
    }
  }

  #warn(about: KubernetesObject, reason: string, message: string): void {
    this.#options.events.event(about, "Warning", reason, message.slice(0, 1024));
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
    this.#kinds.resourceOf(apiVersion, name).then(
      (reference) => {
        this.#awaited.delete(kind);
        if (this.#players.has(kind) || this.#options.signal.aborted) return;
        this.#begin(kind, reference, []);
        this.#read();
      },
      (error: unknown) => this.#await(kind, error),
    );
  }

  /** Stages may be there before the definition of what they are for. */
  #await(kind: string, error: unknown): void {
    if (this.#awaited.has(kind) || this.#options.signal.aborted) return;
    this.#awaited.add(kind);
    for (const object of this.#stageObjects.list()) {
      const stage = this.#understood(object);
      if (stage === undefined || `${stage.apiVersion} ${stage.kind}` !== kind) continue;
      const why = `${stage.kind} of ${stage.apiVersion} is not served (${textOf(error)})`;
      this.#warn(object, "StageWaits", `${why}: the Stage waits for a definition of that kind`);
    }
  }

  #begin(kind: string, reference: ResourceReference, stages: readonly Stage[]): void {
    const { clock, random, informers, events, logger } = this.#options;
    const resourceOf = this.#kinds.resourceOf.bind(this.#kinds);
    const parts = { reference, events, clientOf: (user: string) => this.#clientOf(user), resourceOf };
    const player = new StagePlayer({
      clock,
      random,
      informer: informers.informer(reference),
      view: (object) => this.#view(kind, object),
      play: (stage, object, fromStep) => playStage(parts, stage, object, fromStep),
      failed: (stage, object, error) => {
        logger.warn("a Stage failed", { stage: stage.name, error: textOf(error) });
        this.#warn(object, "StageFailed", `Stage ${stage.name} failed: ${textOf(error)}`);
      },
    });
    this.#players.set(kind, player);
    player.setStages(stages);
  }

  #clientOf(user: string): Client {
    if (user === "") return this.#options.client;
    const client = this.#clients.get(user) ?? this.#options.clientAs(user);
    this.#clients.set(user, client);
    return client;
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

  #nodeIps(name: string): string[] {
    const addresses = this.#nodes.get(name)?.status?.addresses ?? [];
    const known = ["InternalIP", "ExternalIP"].flatMap((wanted) =>
      addresses.filter(({ type }) => type === wanted).map(({ address }) => address),
    );
    const [first = "127.0.0.1"] = known;
    // Of a second family, where the node has one.
    const second = known.find((address) => address.includes(":") !== first.includes(":"));
    return second === undefined ? [first] : [first, second];
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
