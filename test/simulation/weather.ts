import { isNotFound } from "../../src/apimachinery/status.ts";
import { resources } from "../../src/client/resources.ts";
import type { Fault, FaultReason, FaultRule } from "../../src/cluster/index.ts";
import type { EmbeddedCluster } from "../../src/cluster/library/embedded-cluster.ts";
import type { Dice } from "./dice.ts";
import * as objects from "./objects.ts";

const controllers = [
  "deployment-controller",
  "replicaset-controller",
  "statefulset-controller",
  "daemonset-controller",
  "job-controller",
  "cronjob-controller",
  "garbage-collector-controller",
  "namespace-controller",
  "endpointslice-controller",
  "endpoints-controller",
  "resourcequota-controller",
  "disruption-controller",
  "persistentvolume-binder-controller",
  "persistentvolumeclaim-protection-controller",
  "node-lifecycle-controller",
  "taint-eviction-controller",
  "pod-garbage-collector-controller",
];

const refusals: readonly FaultReason[] = [
  "Conflict",
  "TooManyRequests",
  "InternalError",
  "ServerTimeout",
  "ServiceUnavailable",
  "Timeout",
];
const writes = ["create", "update", "patch", "delete"] as const;
const users = [
  "system:serviceaccount:kube-system:*",
  "system:kube-scheduler",
  "system:node:*",
  "system:admin",
  "kubernetes-admin",
];
const targets = [
  "pods",
  "pods/status",
  "pods/binding",
  "replicasets.apps",
  "deployments.apps/status",
  "jobs.batch",
  "jobs.batch/status",
  "configmaps",
  "persistentvolumeclaims",
  "resourcequotas/status",
  "endpointslices.discovery.k8s.io",
  "controllerrevisions.apps",
  "namespaces/finalize",
  "nodes",
  "nodes/status",
  "leases.coordination.k8s.io",
];

/** Faults of all kinds, made from a seed. */
export class Weather {
  readonly #cluster: EmbeddedCluster;
  readonly #note: (text: string) => void;
  readonly #faults: Fault[] = [];
  readonly #crashed = new Set<string>();
  readonly #partitioned = new Set<string>();
  readonly #stopped = new Set<string>();
  #isServerDown = false;
  #hasWebhook = false;
  /** Nodes that are just stopping or starting. */
  readonly #busy = new Map<string, Promise<void>>();

  constructor(cluster: EmbeddedCluster, note: (text: string) => void) {
    this.#cluster = cluster;
    this.#note = note;
  }

  /** The weather changes in one way. */
  async change(dice: Dice): Promise<void> {
    const change = dice.weighted<(dice: Dice) => void | Promise<void>>([
      [6, this.#refuse],
      [2, this.#delay],
      [3, this.#lift],
      [3, this.#drop],
      [2, this.#crash],
      [2, this.#restart],
      [2, this.#partition],
      [2, this.#heal],
      [2, this.#stopController],
      [3, this.#startController],
      [2, this.#crashController],
      [1, this.#crashServer],
      [3, this.#restartServer],
      [1, this.#fillDisk],
      [2, this.#skew],
      [2, this.#obstruct],
      [2, this.#unobstruct],
    ]);
    await change(dice);
    // Drawn last, so that a seed without it leads where it always has.
    if (dice.chance(0.15)) (dice.chance(0.7) ? this.#lag : this.#cutLists)(dice);
  }

  /** Nothing more goes wrong. What crashed comes back. */
  async clear(): Promise<void> {
    const { faults, nodes } = this.#cluster;
    this.#note("the weather clears");
    faults.clear();
    // There is nobody behind it: as long as it is asked, each of its calls has to fail here.
    faults.addWebhook({ webhook: objects.webhookName, error: "ConnectionRefused" });
    await this.#restartServer();
    await this.#takeWebhookAway();
    for (const node of nodes.names()) nodes.skew(node, 0);
    for (const node of this.#partitioned) nodes.heal(node);
    for (const name of this.#stopped) this.#cluster.startController(name);
    this.#partitioned.clear();
    this.#stopped.clear();
    await Promise.all(this.#busy.values());
    for (const name of this.#crashed) await this.#start(name);
  }

  #refuse = (dice: Dice): void => {
    const rule: FaultRule = {
      verb: dice.chance(0.7) ? [...writes] : ["get", "list"],
      ...(dice.chance(0.5) ? { resource: dice.pick(targets) } : { user: dice.pick(users) }),
      probability: dice.pick([0.05, 0.2, 0.5, 1]),
      times: dice.between(1, 20),
      error: dice.pick(refusals),
      ...(dice.chance(0.4) && { afterEffect: true }),
    };
    this.#add(rule);
  };

  #delay = (dice: Dice): void => {
    const delay = dice.pick(["50ms", "500ms", "3s", "20s"]);
    if (dice.chance(0.4))
      this.#add({ verb: "watch", user: dice.pick(users), delay, times: dice.between(1, 5) });
    else
      this.#add({
        ...(dice.chance(0.5) && { resource: dice.pick(targets) }),
        delay,
        probability: 0.3,
        times: dice.between(1, 20),
      });
  };

  /** The caches of some servers are behind: whoever asks them is told of the past. */
  #lag = (dice: Dice): void => {
    this.#add({
      ...(dice.chance(0.5) ? { resource: dice.pick(targets) } : { user: dice.pick(users) }),
      stale: dice.pick(["500ms", "5s", "30s", "3m"]),
      probability: dice.pick([0.5, 1]),
      times: dice.between(1, 20),
    });
  };

  /** Lists come in pages, and may have become too old before the last one. */
  #cutLists = (dice: Dice): void => {
    this.#add({
      verb: "list",
      ...(dice.chance(0.5) ? { resource: dice.pick(targets) } : { user: dice.pick(users) }),
      pageSize: dice.between(1, 4),
      expireContinue: dice.chance(0.4),
      times: dice.between(1, 20),
    });
    // Whoever watches has no reason to list.
    this.#drop(dice);
  };

  #add(rule: FaultRule): void {
    this.#faults.push(this.#cluster.faults.add(rule));
    this.#note(`fault ${JSON.stringify(rule)}`);
  }

  #lift = (dice: Dice): void => {
    const fault = dice.maybePick(this.#faults);
    if (fault === undefined) return;
    fault.remove();
    this.#faults.splice(this.#faults.indexOf(fault), 1);
    this.#note(`no more fault ${JSON.stringify(fault.rule)}, which hit ${fault.hits} times`);
  };

  #drop = (dice: Dice): void => {
    const expired = dice.chance(0.3);
    const match = dice.chance(0.3) ? {} : { resource: dice.pick(targets) };
    const count = this.#cluster.faults.dropWatches(match, { expired });
    this.#note(`${count} watches ${expired ? "expire" : "break"} ${JSON.stringify(match)}`);
  };

  #crash = async (dice: Dice): Promise<void> => {
    const { nodes } = this.#cluster;
    const name = dice.maybePick(nodes.names().filter((each) => !this.#busy.has(each)));
    if (name === undefined || nodes.names().length === 1) return;
    this.#note(`${name} crashes`);
    nodes.heal(name);
    this.#partitioned.delete(name);
    await this.#during(name, async () => {
      await nodes.crash(name);
      this.#crashed.add(name);
    });
  };

  #restart = async (dice: Dice): Promise<void> => {
    const name = dice.maybePick([...this.#crashed].filter((each) => !this.#busy.has(each)));
    if (name !== undefined) await this.#during(name, () => this.#start(name));
  };

  /** A node fails to start when its first request does, as with faults about it may be. */
  async #start(name: string): Promise<void> {
    const { nodes } = this.#cluster;
    try {
      await nodes.add({ name });
      this.#crashed.delete(name);
      this.#note(`${name} is back`);
    } catch (error) {
      this.#note(`${name} does not come back: ${String(error)}`);
      if (nodes.names().includes(name)) await nodes.crash(name);
    }
  }

  /** Nothing else is done to the node meanwhile. */
  async #during(name: string, act: () => Promise<void>): Promise<void> {
    const work = act().finally(() => this.#busy.delete(name));
    this.#busy.set(name, work);
    await work;
  }

  #partition = (dice: Dice): void => {
    const name = dice.maybePick(this.#cluster.nodes.names().filter((each) => !this.#busy.has(each)));
    if (name === undefined) return;
    this.#cluster.nodes.partition(name);
    this.#partitioned.add(name);
    this.#note(`${name} is cut off`);
  };

  #heal = (dice: Dice): void => {
    const name = dice.maybePick([...this.#partitioned]);
    if (name === undefined) return;
    this.#cluster.nodes.heal(name);
    this.#partitioned.delete(name);
    this.#note(`${name} is no longer cut off`);
  };

  #stopController = async (dice: Dice): Promise<void> => {
    const name = dice.pick(controllers);
    this.#stopped.add(name);
    this.#note(`${name} stops`);
    await this.#cluster.stopController(name);
  };

  /** In the middle of what it does. */
  #crashController = (dice: Dice): void => {
    const name = dice.pick(controllers);
    if (this.#stopped.has(name)) return;
    const options = { afterWrites: dice.between(0, 3), times: dice.between(1, 2) };
    this.#cluster.crashController(name, options);
    this.#note(`${name} will crash ${JSON.stringify(options)}`);
  };

  /** With all controllers and the scheduler; what is stored outlives it. */
  #crashServer = async (): Promise<void> => {
    if (this.#isServerDown) return;
    this.#isServerDown = true;
    this.#note("the server crashes");
    await this.#cluster.server.crash();
  };

  #restartServer = async (): Promise<void> => {
    if (!this.#isServerDown) return;
    this.#isServerDown = false;
    this.#note("the server starts again");
    await this.#cluster.server.restart();
  };

  /** The clock of a node is wrong: its leases, and the times that it tells. */
  #skew = (dice: Dice): void => {
    const name = dice.maybePick(this.#cluster.nodes.names().filter((each) => !this.#busy.has(each)));
    if (name === undefined) return;
    const by = dice.pick(["-5m", "-50s", "-3s", "2s", "45s", "10m", 0] as const);
    this.#cluster.nodes.skew(name, by);
    this.#note(`the clock of ${name} is off by ${by}`);
  };

  /** A webhook that does not answer, at once or after a while, is asked about what is written. */
  #obstruct = async (dice: Dice): Promise<void> => {
    const { faults, client } = this.#cluster;
    const configuration = objects.webhook(dice);
    const delay = dice.pick([undefined, "800ms", "6s", "40s"]);
    faults.addWebhook({
      webhook: objects.webhookName,
      error: dice.pick(["ConnectionRefused", "NotJson", "WrongUid", 503]),
      ...(delay !== undefined && { delay }),
    });
    this.#hasWebhook = true;
    try {
      await client.resource(resources.validatingwebhookconfigurations).create(configuration);
      this.#note(
        `a webhook fails ${JSON.stringify(configuration.webhooks?.[0])} after ${delay ?? "no time"}`,
      );
    } catch (error) {
      this.#note(`no webhook: ${String(error)}`);
    }
  };

  #unobstruct = async (): Promise<void> => {
    await this.#takeWebhookAway().catch(() => undefined);
  };

  async #takeWebhookAway(): Promise<void> {
    if (!this.#hasWebhook) return;
    const configurations = this.#cluster.client.resource(resources.validatingwebhookconfigurations);
    await configurations.delete(objects.webhookConfiguration).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    this.#hasWebhook = false;
    this.#note("the webhook is gone");
  }

  #fillDisk = (dice: Dice): void => {
    const options = { after: dice.between(0, 20), times: dice.between(1, 10) };
    this.#cluster.faults.fillDisk(options);
    this.#note(`the disk will be full ${JSON.stringify(options)}`);
  };

  #startController = (dice: Dice): void => {
    const name = dice.maybePick([...this.#stopped]);
    if (name === undefined) return;
    this.#stopped.delete(name);
    this.#cluster.startController(name);
    this.#note(`${name} starts`);
  };
}
