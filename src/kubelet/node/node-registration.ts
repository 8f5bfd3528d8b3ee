import type { Node, NodeStatus } from "../../api/types/core-v1.ts";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { sameFields } from "../../apimachinery/json.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import { createMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import type { Client } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import { type NodeSources, newNode, nodeLabels, nodeStatus } from "./node-object.ts";

/** How often the node looks at itself, and how often it tells although nothing has changed. */
const lookMs = 10_000;
const reportMs = 300_000;

/** Registers the node and keeps its status current. */
export class NodeRegistration {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #read: () => Promise<NodeSources>;
  readonly #current: () => Node | undefined;
  readonly #silent: () => boolean;
  readonly #revision: () => number | undefined;
  /** What was there when all was found as it should be. */
  #settled: { readonly node: Node | undefined; readonly revision: number | undefined } | undefined;
  #node: Node | undefined;
  #reportedMs = 0;
  #timer: Timer | undefined;
  #reporting = false;

  constructor(options: {
    client: Client;
    clock: Clock;
    logger: Logger;
    read: () => Promise<NodeSources>;
    /** The Node as the cache has it: others write to it too. */
    current: () => Node | undefined;
    /** Whether somebody else tells how the node is. */
    silent: () => boolean;
    /** Grows whenever there is something new to be read; undefined where nobody counts. */
    revision: () => number | undefined;
  }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#read = options.read;
    this.#current = options.current;
    this.#silent = options.silent;
    this.#revision = options.revision;
  }

  /** The Node as last seen or written. */
  get node(): Node | undefined {
    return this.#current() ?? this.#node;
  }

  /** Creates the Node, or brings the one that exists up to date. */
  async register(): Promise<Node> {
    const sources = await this.#read();
    const wanted = newNode(sources, this.#clock.now());
    const nodes = this.#client.resource(resources.nodes);
    try {
      this.#node = await nodes.create(wanted);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const found = await nodes.get(sources.options.nodeName);
      const metadata = { labels: nodeLabels(sources), annotations: wanted.metadata.annotations };
      this.#node = await nodes.patch(sources.options.nodeName, { metadata }, { type: "merge" });
      this.#node = { ...this.#node, ...(found.status === undefined ? {} : { status: found.status }) };
    }
    // Not every server takes the status of a new Node; this also tells what changed while the kubelet was away.
    await this.#reportNow(this.#node);
    return this.#node;
  }

  start(): void {
    this.#timer = this.#clock.every(lookMs, () => {
      if (this.#reporting) return;
      this.report().catch((error: unknown) => {
        this.#logger.warn("reporting the node's status failed", { error: String(error) });
      });
    });
  }

  stop(): void {
    this.#timer?.stop();
  }

  /** Writes the status when something other than the time has changed, or when it is due. */
  async report(): Promise<void> {
    if (this.#silent()) return;
    const found = { node: this.node, revision: this.#revision() };
    if (this.#isSettled(found)) return;
    this.#reporting = true;
    try {
      const sources = await this.#read();
      const nowMs = this.#clock.now();
      const previous = this.node?.status;
      const status = nodeStatus(sources, previous, nowMs);
      const same =
        previous !== undefined && sameFields(withoutHeartbeat(previous), withoutHeartbeat(status, previous));
      this.#settled = same ? found : undefined;
      if (same && nowMs - this.#reportedMs < reportMs) return;
      await this.#write(sources.options.nodeName, previous, status);
      this.#reportedMs = nowMs;
    } finally {
      this.#reporting = false;
    }
  }

  /** Neither the node nor its object has changed since both agreed, and the beat is not due. */
  #isSettled({ node, revision }: { node: Node | undefined; revision: number | undefined }): boolean {
    const settled = this.#settled;
    return (
      revision !== undefined &&
      settled?.node === node &&
      settled?.revision === revision &&
      this.#clock.now() - this.#reportedMs < reportMs
    );
  }

  /** Right after registering the cache is older than what was just written. */
  async #reportNow(node: Node): Promise<void> {
    const sources = await this.#read();
    const nowMs = this.#clock.now();
    const status = nodeStatus(sources, node.status, nowMs);
    this.#reportedMs = nowMs;
    if (
      node.status !== undefined &&
      sameFields(withoutHeartbeat(node.status), withoutHeartbeat(status, node.status))
    )
      return;
    await this.#write(sources.options.nodeName, node.status, status);
  }

  async #write(name: string, previous: NodeStatus | undefined, status: NodeStatus): Promise<void> {
    const nodes = this.#client.resource(resources.nodes);
    const patch = createMergePatch({ status: previous ?? {} }, { status: { ...previous, ...status } });
    try {
      this.#node = await nodes.patch(name, patch, { type: "merge", subresource: "status" });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Somebody deleted the Node while the kubelet runs: it comes back.
      await this.register();
    }
  }
}

/** For comparing: the beat itself is no news, nor are fields that only the server knows. */
function withoutHeartbeat(status: NodeStatus, like: NodeStatus = status): unknown {
  const conditions = (status.conditions ?? []).map((condition) => ({ ...condition, lastHeartbeatTime: "" }));
  return { ...like, ...status, conditions };
}
