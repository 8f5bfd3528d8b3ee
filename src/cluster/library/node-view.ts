import type { Clock } from "../../apimachinery/clock.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";
import { newEventRecorder } from "../../client/event-recorder.ts";
import type { InformerFactory } from "../../client/informer.ts";
import type { ControllerContext } from "../../controller/controller.ts";
import type { NodeConnection } from "../../streaming/node-connection.ts";
import type { NodeHome } from "../simulated-node.ts";
import type { ClusterServer } from "./cluster-server.ts";
import { SeparableInformers } from "./faults/separable-informers.ts";
import { SkewedClock } from "./faults/skewed-clock.ts";

export interface NodeViewParts {
  readonly server: ClusterServer;
  readonly clock: Clock;
  readonly random: Random;
}

/** What one node has of its cluster: a clock of its own, and a connection to the server that may be cut. */
export class NodeView implements NodeHome {
  readonly clock: SkewedClock;
  readonly random: Random;
  readonly #server: ClusterServer;
  readonly #informers: SeparableInformers;
  readonly #unfollow: () => void;
  readonly #gone = new AbortController();
  #agent: { readonly name: string; readonly connection: NodeConnection } | undefined;
  #isPartitioned = false;

  constructor({ server, clock, random }: NodeViewParts) {
    this.#server = server;
    this.clock = new SkewedClock(clock);
    this.random = random;
    const informers = new SeparableInformers(server.cluster.informers);
    if (!server.isRunning) informers.cut();
    this.#informers = informers;
    this.#unfollow = server.follow({
      cut: () => informers.cut(),
      connect: (shared) => this.#follow(shared),
    });
  }

  get signal(): AbortSignal {
    return this.#server.signal;
  }

  contextFor(component: string, user: UserInfo): ControllerContext {
    const { clock, random, signal } = this;
    const client = this.#server.clientIn(user);
    return {
      client,
      informers: this.#informers,
      events: newEventRecorder({ client, clock, random, component, signal: this.#gone.signal }),
      clock,
      random,
      logger: this.#server.cluster.logger.named(component),
      signal,
    };
  }

  connectNode(name: string, connection: NodeConnection): void {
    this.#agent = { name, connection };
    if (!this.#isPartitioned) this.#server.connectNode(name, connection);
  }

  disconnectNode(name: string, connection: NodeConnection): void {
    this.#agent = undefined;
    this.#server.disconnectNode(name, connection);
  }

  /** The node hears nothing, and its logs and streams are out of reach. Its requests are failed by who partitions it. */
  partition(): void {
    this.#isPartitioned = true;
    this.#informers.cut();
    if (this.#agent !== undefined) this.#server.disconnectNode(this.#agent.name, this.#agent.connection);
  }

  /** It learns what has changed meanwhile. */
  heal(): void {
    this.#isPartitioned = false;
    if (this.#agent !== undefined) this.#server.connectNode(this.#agent.name, this.#agent.connection);
    if (this.#server.isRunning) this.#informers.connect(this.#server.cluster.informers);
  }

  /** To be called when the node is gone. */
  close(): void {
    this.#unfollow();
    this.#gone.abort();
  }

  #follow(shared: InformerFactory): void {
    if (!this.#isPartitioned) this.#informers.connect(shared);
  }
}
