import type { Namespace, Node, Pod, PodSpec } from "../../src/api/types/core-v1.ts";
import { isObject } from "../../src/apimachinery/json.ts";
import type { ObjectMeta } from "../../src/apimachinery/meta-v1.ts";
import type { KubernetesObject, UnstructuredObject } from "../../src/apimachinery/object.ts";
import { StatusError } from "../../src/apimachinery/status.ts";
import type { Client, DeleteCallOptions, ResourceReference } from "../../src/client/client.ts";
import { resources } from "../../src/client/resources.ts";
import { ConnectionError } from "../../src/client/server-answer.ts";
import type { Dice } from "./dice.ts";
import type { History } from "./history.ts";
import { holdFinalizer } from "./invariants.ts";
import * as objects from "./objects.ts";

/** What clients have to work with. */
export interface WorkloadParts {
  readonly client: Client;
  readonly history: History;
  readonly note: (text: string) => void;
  /** Called before the last finalizer of an object is let go. */
  readonly onRelease: (uid: string) => void;
  /** Called before a pod is deleted without waiting for its end. */
  readonly onForce: (uid: string) => void;
}

type Action = (dice: Dice, client: Client) => Promise<unknown>;

/** Names come from a small pool, so that clients meet. */
const names = ["a", "b", "c"];
const namespaces = ["default", "team-a", "team-b"];
const managers = ["alice", "bob", "robot"];
const apps = ["d-a", "d-b", "d-c", "s-a", "s-b", "ds-a"];

/** What is picked from when something is to be deleted or changed. */
const ours: readonly ResourceReference[] = [
  resources.deployments,
  resources.statefulsets,
  resources.daemonsets,
  resources.replicasets,
  resources.jobs,
  resources.cronjobs,
  resources.pods,
  resources.services,
  resources.configmaps,
  resources.persistentvolumeclaims,
  resources.poddisruptionbudgets,
  resources.resourcequotas,
  objects.things,
];

/** Random clients: each call of `act` is one of them doing one thing, which may fail as things do. */
export class Workload {
  readonly #parts: WorkloadParts;
  readonly #actions: readonly (readonly [weight: number, action: readonly [name: string, act: Action]])[];

  constructor(parts: WorkloadParts) {
    this.#parts = parts;
    this.#actions = [
      [8, ["write a Deployment", this.#write(resources.deployments, objects.deployment)]],
      [5, ["write a StatefulSet", this.#write(resources.statefulsets, objects.statefulSet)]],
      [2, ["write a DaemonSet", this.#write(resources.daemonsets, objects.daemonSet)]],
      [6, ["create a Job", this.#write(resources.jobs, objects.job)]],
      [2, ["write a CronJob", this.#write(resources.cronjobs, objects.cronJob)]],
      [
        6,
        [
          "write a Service",
          this.#write(resources.services, (dice, metadata) =>
            objects.service(dice, metadata, dice.pick(apps)),
          ),
        ],
      ],
      [6, ["write a ConfigMap", this.#write(resources.configmaps, objects.configMap)]],
      [
        3,
        [
          "write a budget",
          this.#write(resources.poddisruptionbudgets, (dice, metadata) =>
            objects.budget(dice, metadata, dice.pick(apps)),
          ),
        ],
      ],
      [2, ["write a quota", this.#quota]],
      [
        3,
        [
          "write a claim",
          this.#write(resources.persistentvolumeclaims, (_, metadata) => objects.claim(metadata)),
        ],
      ],
      [
        4,
        [
          "create a Pod",
          this.#write(resources.pods, (dice, metadata) =>
            objects.pod(dice, metadata, dice.chance(0.3) ? dice.pick(names) : undefined),
          ),
        ],
      ],
      [
        2,
        [
          "define things",
          (_, client) =>
            client.resource(resources.customresourcedefinitions).create(objects.thingDefinition()),
        ],
      ],
      [4, ["write a thing", this.#write(objects.things, objects.thing)]],
      [
        1,
        [
          "undefine things",
          (_, client) =>
            client
              .resource(resources.customresourcedefinitions)
              .delete(objects.thingDefinition().metadata.name ?? ""),
        ],
      ],
      [
        3,
        [
          "create a namespace",
          (dice, client) =>
            client.resource(resources.namespaces).create({
              apiVersion: "v1",
              kind: "Namespace",
              metadata: { name: dice.pick(namespaces) },
              spec: {},
            }),
        ],
      ],
      [
        1,
        [
          "delete a namespace",
          (dice, client) => client.resource(resources.namespaces).delete(dice.pick(namespaces.slice(1))),
        ],
      ],
      [6, ["scale", this.#scale]],
      [5, ["change by reading and writing", this.#change]],
      [3, ["change what depends on what", this.#own]],
      [8, ["delete", this.#delete]],
      [1, ["delete many", this.#deleteMany]],
      [4, ["evict", this.#evict]],
      [2, ["cordon or uncordon", this.#cordon]],
      [1, ["taint", this.#taint]],
      [1, ["drain", this.#drain]],
      [1, ["delete a node", this.#deleteNode]],
      [4, ["let go", (_, client) => this.release(client, 0.5)]],
      [2, ["pause or suspend", this.#pause]],
    ];
  }

  /** Starts one thing. Resolves when it is done or has failed, which may take time on the cluster's clock. */
  async act(dice: Dice): Promise<void> {
    const [name, act] = dice.weighted(this.#actions);
    await this.#try(name, () => act(dice, this.#parts.client));
  }

  /** Makes a namespace that the others work in. */
  async begin(name: string): Promise<void> {
    const namespaces = this.#parts.client.resource(resources.namespaces);
    await this.#try("begin with the namespace", () => namespaces.create(newNamespace(name)));
  }

  async #try(name: string, act: () => Promise<unknown>): Promise<void> {
    const { note } = this.#parts;
    try {
      const done = await act();
      if (done === nothing) return;
      note(`${name}${typeof done === "string" ? ` ${done}` : describe(done)}`);
    } catch (error) {
      if (error instanceof ConnectionError) return note(`${name}: ${error.message}`);
      if (!(error instanceof StatusError)) throw error;
      note(`${name}: ${error.code} ${error.message.slice(0, 160)}`);
    }
  }

  /** In the way of a client: created, replaced, applied or patched, by whoever it is. */
  #write<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    make: (dice: Dice, metadata: ObjectMeta) => T,
  ): Action {
    return async (dice, client) => {
      const namespace = dice.pick(namespaces);
      const name = dice.pick(names);
      const object = make(dice, { name, namespace });
      const api = client.resource(reference);
      const way = dice.weighted([
        [7, "apply"],
        [3, "create"],
        [1, "merge"],
        [1, "generate"],
      ] as const);
      const fieldManager = dice.pick(managers);
      if (way === "create") return await api.create(object, { fieldManager });
      if (way === "merge")
        return await api.patch(name, withoutIdentity(object), { type: "merge", namespace, fieldManager });
      if (way === "generate") {
        const { name: _, ...metadata } = object.metadata;
        return await api.create(
          { ...object, metadata: { ...metadata, generateName: `${name}-` } },
          { fieldManager },
        );
      }
      this.#releaseByApply(reference, object, fieldManager);
      return await api.patch(name, object, {
        type: "apply",
        namespace,
        fieldManager,
        force: dice.chance(0.6),
      });
    };
  }

  /** Whoever applied the finalizer, and applies the object without it, lets go. */
  #releaseByApply(reference: ResourceReference, { metadata }: KubernetesObject, manager: string): void {
    if (metadata.finalizers !== undefined) return;
    const { history, onRelease } = this.#parts;
    const there = history.find(reference, metadata.name ?? "", metadata.namespace);
    const applied = there?.metadata.managedFields?.some(
      (entry) => entry.manager === manager && entry.operation === "Apply",
    );
    if (applied === true) onRelease(there?.metadata.uid ?? "");
  }

  /** Never less than before, so that what was within it stays so. */
  #quota: Action = async (dice, client) => {
    const namespace = dice.pick(namespaces.slice(1));
    const wanted = objects.quota(dice, { name: "bounds", namespace });
    const there = this.#parts.history.find(resources.resourcequotas, "bounds", namespace);
    if (there === undefined) return await client.resource(resources.resourcequotas).create(wanted);
    const hard = Object.fromEntries(
      Object.entries(there.spec?.hard ?? {}).map(([name, limit]) => [
        name,
        String(Number(limit) + dice.between(0, 2)),
      ]),
    );
    return await client.resource(resources.resourcequotas).update({ ...there, spec: { hard } });
  };

  #scale: Action = async (dice, client) => {
    const reference: ResourceReference = dice.pick([
      resources.deployments,
      resources.statefulsets,
      resources.deployments,
    ]);
    const found = dice.maybePick(this.#parts.history.objects(reference));
    if (found === undefined) return nothing;
    const { name = "", namespace } = found.metadata;
    const replicas = dice.between(0, 4);
    const api = client.resource(reference);
    const scope = namespace === undefined ? {} : { namespace };
    if (dice.chance(0.5)) {
      const scale = await api.getSubresource<KubernetesObject>(name, "scale", scope);
      await api.putSubresource(name, "scale", { ...scale, spec: { replicas } }, scope);
      return `${keyText(found)} to ${replicas}`;
    }
    return await api.patch(
      name,
      { spec: { replicas } },
      { type: dice.pick(["merge", "strategic"]), ...scope },
    );
  };

  /** With the revision that it read, which may be old by then. */
  #change: Action = async (dice, client) => {
    const reference = dice.pick(ours);
    const found = dice.maybePick(this.#parts.history.objects(reference));
    if (found === undefined) return nothing;
    const { name = "", namespace } = found.metadata;
    const api = client.resource(reference);
    const scope = namespace === undefined ? {} : { namespace };
    const read = await api.get(name, scope);
    const annotations = { ...read.metadata.annotations, touched: String(dice.between(1, 100)) };
    if (dice.chance(0.3)) {
      const patch = [{ op: "add", path: "/metadata/annotations", value: annotations }];
      return await api.patch(name, patch, { type: "json", ...scope });
    }
    const changed = { ...read, metadata: { ...read.metadata, annotations } };
    if (dice.chance(0.3))
      void this.#try("change meanwhile", () =>
        api.patch(name, { metadata: { labels: { by: "another" } } }, { type: "merge", ...scope }),
      );
    return await api.update(changed);
  };

  /** Makes one ConfigMap or thing the owner of another, and maybe one that is not there. */
  #own: Action = async (dice, client) => {
    const { history } = this.#parts;
    const inOne = history
      .objects(resources.configmaps)
      .filter(({ metadata }) => metadata.name !== "kube-root-ca.crt");
    const [owner, dependent] = [dice.maybePick(inOne), dice.maybePick(inOne)];
    if (owner === undefined || dependent === undefined) return nothing;
    const { namespace = "", name = "" } = dependent.metadata;
    // In a chain one way only: what owns itself in a circle is deleted by nobody.
    if (
      namespace !== owner.metadata.namespace ||
      (owner.metadata.uid ?? "") >= (dependent.metadata.uid ?? "")
    )
      return nothing;
    const uid = dice.chance(0.1) ? "00000000-0000-4000-8000-000000000000" : (owner.metadata.uid ?? "");
    const reference = { apiVersion: "v1", kind: "ConfigMap", name: owner.metadata.name ?? "", uid };
    const ownerReferences = [{ ...reference, ...(dice.chance(0.3) && { blockOwnerDeletion: true }) }];
    return await client
      .resource(resources.configmaps)
      .patch(name, { metadata: { ownerReferences } }, { type: "merge", namespace });
  };

  #delete: Action = async (dice, client) => {
    const reference = dice.pick(ours);
    const found = dice.maybePick(
      this.#parts.history
        .objects(reference)
        .filter(
          ({ metadata }) => metadata.name !== "kube-root-ca.crt" && !metadata.namespace?.startsWith("kube-"),
        ),
    );
    if (found === undefined) return nothing;
    return await this.#remove(dice, client, reference, found);
  };

  async #remove(
    dice: Dice,
    client: Client,
    reference: ResourceReference,
    found: KubernetesObject,
  ): Promise<string> {
    const { name = "", namespace, uid = "" } = found.metadata;
    if (name === "kubernetes" || name === "kube-dns") return nothing;
    const isForced = reference.resource === "pods" && dice.chance(0.1);
    if (isForced) this.#parts.onForce(uid);
    const options: DeleteCallOptions = {
      ...(namespace !== undefined && { namespace }),
      ...dice.pick<Pick<DeleteCallOptions, "propagationPolicy">>([
        {},
        { propagationPolicy: "Background" },
        { propagationPolicy: "Foreground" },
        { propagationPolicy: "Orphan" },
      ]),
      ...(dice.chance(0.2) && { preconditions: { uid } }),
      ...(isForced && { gracePeriodSeconds: 0 }),
    };
    await client.resource(reference).delete(name, options);
    return `${keyText(found)} ${JSON.stringify(options)}`;
  }

  #deleteMany: Action = async (dice, client) => {
    const namespace = dice.pick(namespaces);
    const [reference, labelSelector] = dice.pick([
      [resources.pods, `app=${dice.pick(apps)}`],
      [resources.configmaps, "tier=one"],
    ] as const);
    const api: { deleteCollection(options: object): Promise<void> } =
      client.resource<KubernetesObject>(reference);
    await api.deleteCollection({ namespace, labelSelector });
    return `${reference.resource} of ${namespace} with ${labelSelector}`;
  };

  #evict: Action = async (dice, client) => {
    const found = dice.maybePick(this.#parts.history.objects(resources.pods));
    if (found === undefined) return nothing;
    return await this.#evictOne(client, found);
  };

  async #evictOne(client: Client, { metadata: { name = "", namespace = "" } }: Pod): Promise<string> {
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
    await client.resource(resources.pods).postSubresource(name, "eviction", eviction, { namespace });
    return `${namespace}/${name}`;
  }

  #cordon: Action = async (dice, client) => {
    const found = dice.maybePick(this.#parts.history.objects(resources.nodes));
    if (found === undefined) return nothing;
    return await client
      .resource(resources.nodes)
      .patch(found.metadata.name ?? "", { spec: { unschedulable: dice.chance(0.5) } }, { type: "merge" });
  };

  #taint: Action = async (dice, client) => {
    const found = dice.maybePick(this.#parts.history.objects(resources.nodes));
    if (found === undefined) return nothing;
    const own = (found.spec.taints ?? []).filter(({ key }) => key !== taintKey);
    const taints = dice.chance(0.5)
      ? own
      : [...own, { key: taintKey, effect: dice.pick(["NoSchedule", "NoExecute"]) }];
    return await client.resource(resources.nodes).update({ ...found, spec: { ...found.spec, taints } });
  };

  #drain: Action = async (dice, client) => {
    const { history } = this.#parts;
    const found = dice.maybePick(history.objects(resources.nodes));
    if (found === undefined) return nothing;
    const { name = "" } = found.metadata;
    await client.resource(resources.nodes).patch(name, { spec: { unschedulable: true } }, { type: "merge" });
    for (const pod of history.objects(resources.pods)) {
      if (pod.spec.nodeName === name) await this.#try("evict", () => this.#evictOne(client, pod));
    }
    return name;
  };

  /** Its agent registers it again, when there is one; its pods are given up meanwhile. */
  #deleteNode: Action = async (dice, client) => {
    const { history, onForce } = this.#parts;
    const found = dice.maybePick(history.objects(resources.nodes));
    if (found === undefined) return nothing;
    for (const { metadata } of history.objects(resources.pods)) onForce(metadata.uid ?? "");
    return await this.#remove(dice, client, resources.nodes, found);
  };

  #pause: Action = async (dice, client) => {
    const [reference, field] = dice.pick([
      [resources.deployments, "paused"],
      [resources.cronjobs, "suspend"],
      [resources.jobs, "suspend"],
    ] as const);
    const found = dice.maybePick(this.#parts.history.objects<KubernetesObject>(reference));
    if (found === undefined) return nothing;
    const { name = "", namespace = "" } = found.metadata;
    return await client
      .resource<KubernetesObject>(reference)
      .patch(name, { spec: { [field]: dice.chance(0.5) } }, { type: "merge", namespace });
  };

  /** Lets go of what is held: of what is being deleted, or by chance of anything. */
  async release(client: Client, ofTheRest: number, dice?: Dice): Promise<string> {
    const { history, onRelease } = this.#parts;
    let count = 0;
    for (const reference of ours) {
      for (const { metadata } of history.objects(reference)) {
        const {
          name = "",
          namespace = "",
          uid = "",
          deletionTimestamp,
          finalizers = [],
          resourceVersion: _,
        } = metadata;
        if (!finalizers.includes(holdFinalizer)) continue;
        if (deletionTimestamp === undefined && !(dice?.chance(ofTheRest) ?? false)) continue;
        onRelease(uid);
        const left = finalizers.filter((finalizer) => finalizer !== holdFinalizer);
        const patch = { metadata: { uid, finalizers: left.length === 0 ? null : left } };
        await this.#try("let go", () =>
          client.resource(reference).patch(name, patch, { type: "merge", namespace }),
        );
        count++;
      }
    }
    return count === 0 ? nothing : `of ${count}`;
  }

  /** Takes back what would keep the cluster from coming to rest: nodes that take no pods, what is paused or suspended. */
  async tidyUp(client: Client): Promise<void> {
    const { history } = this.#parts;
    for (const node of history.objects(resources.nodes))
      await this.#try("tidy a node", () => tidyNode(client, node));
    for (const [reference, field] of [
      [resources.deployments, "paused"],
      [resources.jobs, "suspend"],
    ] as const) {
      for (const object of history.objects<KubernetesObject>(reference))
        await this.#set(client, reference, object, field, false);
    }
    for (const { metadata, spec } of history.objects(resources.pods))
      await this.#provide(client, metadata, spec);
    for (const object of history.objects<KubernetesObject>(resources.cronjobs))
      await this.#set(client, resources.cronjobs, object, "suspend", true);
    await this.release(client, 0);
  }

  /** A pod that mounts a claim waits until somebody makes it. */
  async #provide(client: Client, { namespace = "" }: ObjectMeta, { volumes = [] }: PodSpec): Promise<void> {
    const { history } = this.#parts;
    for (const { persistentVolumeClaim } of volumes) {
      const name = persistentVolumeClaim?.claimName;
      if (name === undefined || history.find(resources.persistentvolumeclaims, name, namespace) !== undefined)
        continue;
      await this.#try("make a claim that is waited for", () =>
        client.resource(resources.persistentvolumeclaims).create(objects.claim({ name, namespace })),
      );
    }
  }

  /** Where it is not so already. */
  async #set(
    client: Client,
    reference: ResourceReference,
    object: KubernetesObject,
    field: string,
    value: boolean,
  ): Promise<void> {
    const { name = "", namespace = "" } = object.metadata;
    const { spec } = object as UnstructuredObject;
    if (((isObject(spec) && spec[field]) ?? false) === value) return;
    await this.#try("tidy up", () =>
      client.resource(reference).patch(name, { spec: { [field]: value } }, { type: "merge", namespace }),
    );
  }
}

const newNamespace = (name: string): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name },
  spec: {},
});

/** What an action answers that found nothing to act on. */
const nothing = "nothing";

const taintKey = "simulation.sampan.dev/taint";

async function tidyNode(client: Client, { metadata: { name = "" }, spec }: Node): Promise<string> {
  const taints = (spec.taints ?? []).filter(({ key }) => key !== taintKey);
  if (spec.unschedulable !== true && taints.length === (spec.taints ?? []).length) return nothing;
  await client
    .resource(resources.nodes)
    .patch(name, { spec: { unschedulable: null, taints } }, { type: "merge" });
  return name;
}

/** A patch says nothing about what it is a patch of. */
function withoutIdentity<T extends KubernetesObject>({ metadata, ...rest }: T): object {
  const { name: _, namespace: __, ...left } = metadata;
  return { ...rest, metadata: left };
}

const keyText = ({ kind, metadata }: KubernetesObject): string =>
  `${kind} ${metadata.namespace ?? ""}/${metadata.name ?? ""}`;

function describe(done: unknown): string {
  const object = done as Partial<KubernetesObject> | undefined;
  return object?.metadata === undefined
    ? ""
    : ` ${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""} at ${object.metadata.resourceVersion ?? ""}`;
}
