import type { Node, Pod } from "../api/types/core-v1.ts";
import { NodeInfo } from "./node-info.ts";
import { PodCounts } from "./pod-counts.ts";
import type { AffinityTerm, NamespaceLabels, PodInfo } from "./pod-info.ts";

/** Equal affinity terms of pods that are placed, and how many of these pods each node has. */
export interface PlacedTerm {
  readonly term: AffinityTerm;
  readonly counts: Map<string, number>;
}

type TermKind = "required" | "requiredAnti" | "preferred" | "preferredAnti";

/**
 * What the scheduler knows of nodes and the pods on them, including those whose binding is under way ("assumed"). A
 * cycle is synchronous and reads it directly: there is no snapshot to take.
 */
export class ClusterState {
  /** Also nodes that only pods speak of; they do not take part in scheduling. */
  readonly #nodes = new Map<string, NodeInfo>();
  /** Where each placed pod is, by uid. */
  readonly #placements = new Map<string, { readonly nodeName: string; assumed: boolean }>();
  /** Existing nodes, zones taking turns; undefined when nodes came or went. */
  #order: readonly NodeInfo[] | undefined;
  readonly #terms: Readonly<Record<TermKind, Map<string, PlacedTerm>>> = {
    required: new Map(),
    requiredAnti: new Map(),
    preferred: new Map(),
    preferredAnti: new Map(),
  };
  /** On how many nodes an image is. */
  readonly #imageNodes = new Map<string, number>();
  readonly counts = new PodCounts(() => this.#nodes.values());
  readonly namespaceLabels: NamespaceLabels;

  constructor(namespaceLabels: NamespaceLabels = () => undefined) {
    this.namespaceLabels = namespaceLabels;
  }

  node(name: string): NodeInfo | undefined {
    const node = this.#nodes.get(name);
    return node?.exists === true ? node : undefined;
  }

  /** Existing nodes, in an order in which zones take turns. */
  nodes(): readonly NodeInfo[] {
    this.#order ??= interleaveZones([...this.#nodes.values()].filter((node) => node.exists));
    return this.#order;
  }

  /** How much is known; pods whose binding is under way are among the pods. */
  sizes(): { readonly nodes: number; readonly pods: number; readonly assumed_pods: number } {
    let assumed = 0;
    for (const placement of this.#placements.values()) if (placement.assumed) assumed++;
    return { nodes: this.nodes().length, pods: this.#placements.size, assumed_pods: assumed };
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? "";
    const known = this.#nodes.get(name);
    if (known === undefined) {
      const added = new NodeInfo(name, node);
      this.#nodes.set(name, added);
      this.#countImages(added, 1);
      this.#order = undefined;
      return;
    }
    if (!known.exists || zoneOf(known.node) !== zoneOf(node)) this.#order = undefined;
    this.#countImages(known, -1);
    known.setNode(node);
    this.#countImages(known, 1);
  }

  removeNode(name: string): void {
    const known = this.#nodes.get(name);
    if (known === undefined) return;
    this.#countImages(known, -1);
    known.images = new Map();
    known.clearNode();
    this.#order = undefined;
    this.#dropIfEmpty(known);
  }

  imageNodes(image: string): number {
    return this.#imageNodes.get(image) ?? 0;
  }

  placedTerms(kind: TermKind): Iterable<PlacedTerm> {
    return this.#terms[kind].values();
  }

  hasPlacedTerms(...kinds: readonly TermKind[]): boolean {
    return kinds.some((kind) => this.#terms[kind].size > 0);
  }

  /** Puts a pod on a node, in place of what was known of it. `assumed`: its binding is under way. */
  placePod(pod: PodInfo, nodeName: string, assumed = false): void {
    this.removePod(pod.uid);
    let node = this.#nodes.get(nodeName);
    if (node === undefined) {
      node = new NodeInfo(nodeName);
      this.#nodes.set(nodeName, node);
    }
    node.addPod(pod);
    this.#placements.set(pod.uid, { nodeName, assumed });
    this.counts.podAdded(pod, nodeName);
    this.#countTerms(pod, nodeName, 1);
  }

  removePod(uid: string): void {
    const placement = this.#placements.get(uid);
    const node = placement === undefined ? undefined : this.#nodes.get(placement.nodeName);
    this.#placements.delete(uid);
    const pod = node?.removePod(uid);
    if (node === undefined || pod === undefined) return;
    this.counts.podRemoved(pod, node.name);
    this.#countTerms(pod, node.name, -1);
    this.#dropIfEmpty(node);
  }

  placementOf(uid: string): { readonly nodeName: string; readonly assumed: boolean } | undefined {
    return this.#placements.get(uid);
  }

  /** The pod on its node took a newer state of itself over, in which nothing that scheduling asks for differs. */
  refreshPod(pod: Pod): boolean {
    const uid = pod.metadata.uid ?? "";
    const placement = this.#placements.get(uid);
    if (placement === undefined || placement.assumed) return false;
    return this.#nodes.get(placement.nodeName)?.pods.get(uid)?.takesOver(pod) === true;
  }

  #dropIfEmpty(node: NodeInfo): void {
    if (!node.exists && node.pods.size === 0) this.#nodes.delete(node.name);
  }

  #countTerms(pod: PodInfo, nodeName: string, by: 1 | -1): void {
    for (const kind of termKinds) {
      for (const term of pod.affinity[kind]) this.#countTerm(this.#terms[kind], term, nodeName, by);
    }
  }

  #countTerm(terms: Map<string, PlacedTerm>, term: AffinityTerm, nodeName: string, by: 1 | -1): void {
    let placed = terms.get(term.key);
    if (placed === undefined) {
      placed = { term, counts: new Map() };
      terms.set(term.key, placed);
    }
    const count = (placed.counts.get(nodeName) ?? 0) + by;
    if (count > 0) placed.counts.set(nodeName, count);
    else placed.counts.delete(nodeName);
    if (placed.counts.size === 0) terms.delete(term.key);
  }

  #countImages(node: NodeInfo, by: 1 | -1): void {
    for (const image of node.images.keys()) {
      const count = this.imageNodes(image) + by;
      if (count > 0) this.#imageNodes.set(image, count);
      else this.#imageNodes.delete(image);
    }
  }
}

const termKinds: readonly TermKind[] = ["required", "requiredAnti", "preferred", "preferredAnti"];

const regionLabel = "topology.kubernetes.io/region";
export const zoneLabel = "topology.kubernetes.io/zone";

function zoneOf({ metadata: { labels = {} } }: Node): string {
  return `${labels[regionLabel] ?? ""}:${labels[zoneLabel] ?? ""}`;
}

/** So that a search which stops early has seen all zones alike. */
function interleaveZones(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = [...Map.groupBy(nodes, ({ node }) => zoneOf(node)).values()];
  const order: NodeInfo[] = [];
  for (let index = 0; order.length < nodes.length; index++) {
    for (const zone of zones) {
      const node = zone[index];
      if (node !== undefined) order.push(node);
    }
  }
  return order;
}
