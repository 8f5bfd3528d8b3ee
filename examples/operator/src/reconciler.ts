import {
  addFinalizer,
  type appsV1,
  type ControllerContext,
  hasFinalizer,
  type Informer,
  isBeingDeleted,
  type KubernetesObject,
  type ReconcileResult,
  type ResourceReference,
  removeFinalizer,
  resources,
  setCondition,
} from "sampan/operator";
import { Backups } from "./backups.ts";
import { deploymentOf, serviceOf } from "./desired.ts";
import type { Dns } from "./dns.ts";
import { type Condition, type Site, sites } from "./site.ts";

/** Keeps a Site from going before its name in DNS has gone. */
export const finalizer = "example.dev/dns";

const fieldManager = "site-operator";

/**
 * Makes the world as a Site says. It is called with a key whenever something about that Site has changed, and looks at what
 * is there, never at what has happened: it may be stopped between any two lines and does the rest the next time.
 */
export class SiteReconciler {
  readonly #context: ControllerContext;
  readonly #dns: Dns;
  readonly #sites: Informer<Site>;
  readonly #deployments: Informer<appsV1.Deployment>;
  readonly #backups: Backups;

  constructor(context: ControllerContext, dns: Dns) {
    this.#context = context;
    this.#dns = dns;
    this.#sites = context.informers.informer(sites);
    this.#deployments = context.informers.informer(resources.deployments);
    this.#backups = new Backups(context, context.informers.informer(resources.jobs));
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const site = this.#sites.getByKey(key);
    if (site === undefined) return undefined;
    if (isBeingDeleted(site)) return await this.#cleanUp(site);
    // The finalizer comes first: from here on there may be something outside to clean up. The change wakes us again.
    if (!hasFinalizer(site, finalizer)) {
      await addFinalizer(this.#context, sites, site, finalizer);
      return undefined;
    }
    const { name = "", namespace = "" } = site.metadata;
    await this.#apply(resources.deployments, deploymentOf(site));
    await this.#apply(resources.services, serviceOf(site));
    await this.#dns.point(hostOf(site), `${name}.${namespace}.svc.cluster.local`);
    const { backup } = site.spec;
    const requeueAfterMs = backup && (await this.#backups.reconcile(site, backup));
    await this.#writeStatus(site);
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  }

  async #cleanUp(site: Site): Promise<undefined> {
    if (!hasFinalizer(site, finalizer)) return;
    await this.#dns.remove(hostOf(site));
    await removeFinalizer(this.#context, sites, site, finalizer);
  }

  /** Server-side apply: the same again changes nothing, and what others manage stays theirs. */
  async #apply<T extends KubernetesObject>(reference: ResourceReference<T>, object: T): Promise<void> {
    const { name = "", namespace } = object.metadata;
    const resource = this.#context.client.resource(reference);
    await resource.patch(name, object, { type: "apply", namespace, fieldManager, force: true });
  }

  /** A conflict is thrown like any other error: somebody was faster, and the next try sees what they wrote. */
  async #writeStatus(site: Site): Promise<void> {
    const { name = "", namespace, generation = 0 } = site.metadata;
    const readyReplicas = this.#deployments.get(name, namespace)?.status?.readyReplicas ?? 0;
    const lastBackupTime = this.#backups.lastSuccess(site);
    const ready = readiness(readyReplicas, site.spec.replicas ?? 1);
    const nowMs = this.#context.clock.now();
    const conditions = setCondition(
      site.status?.conditions,
      { ...ready, observedGeneration: generation },
      nowMs,
    );
    const status = {
      observedGeneration: generation,
      readyReplicas,
      ...(lastBackupTime !== undefined && { lastBackupTime }),
      conditions,
    };
    if (JSON.stringify(status) === JSON.stringify(site.status)) return;
    await this.#context.client.resource(sites).updateStatus({ ...site, status });
  }
}

const hostOf = ({ spec, metadata }: Site): string => spec.host ?? `${metadata.name}.example.com`;

function readiness(ready: number, wanted: number): Condition {
  const message = `${ready} of ${wanted} replicas are ready`;
  return ready >= wanted
    ? { type: "Ready", status: "True", reason: "AllReady", message }
    : { type: "Ready", status: "False", reason: "Starting", message };
}
