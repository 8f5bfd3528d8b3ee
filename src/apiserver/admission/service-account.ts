import type {
  Pod,
  PodSpec,
  ServiceAccount as ServiceAccountObject,
  Volume,
} from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { type Random, randomSuffix } from "../../apimachinery/random.ts";
import { isMirrorPod, secretNames } from "../authorization/pod-references.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf, refuse } from "./attributes.ts";

const serviceAccounts = { group: "", resource: "serviceaccounts" };
const defaultAccount = "default";
const volumePrefix = "kube-api-access-";
const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const enforceMountableSecrets = "kubernetes.io/enforce-mountable-secrets";
/** An hour and the seven seconds by which the API server knows a token that may be extended. */
const tokenExpirationSeconds = 3607;
/** A new namespace's default account is made by a controller: a pod that comes at once waits this long for it. */
const defaultAccountWaitMs = 1000;

export interface ServiceAccountOptions {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
}

/** Gives pods an identity: their account, its token as a volume, its pull secrets. Mirrors plugin/pkg/admission/serviceaccount. */
export class ServiceAccount implements AdmissionPlugin {
  readonly name = "ServiceAccount";
  readonly #options: ServiceAccountOptions;

  constructor(options: ServiceAccountOptions) {
    this.#options = options;
  }

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "CREATE" && concerns(attributes, "", "pods");
  }

  admit(attributes: AdmissionAttributes): Promise<void> | undefined {
    const pod = objectOf<Pod>(attributes);
    // A kubelet compares a mirror pod with its file and deletes it when the two differ.
    if (pod?.spec === undefined || isMirrorPod(pod)) return undefined;
    const { spec } = pod;
    const accountName = firstOf(spec.serviceAccountName, spec.serviceAccount, defaultAccount);
    spec.serviceAccountName = accountName;
    spec.serviceAccount = accountName;
    const give = (account: ServiceAccountObject): void => this.#give(spec, account);
    const found = this.#account(attributes, accountName);
    if (found instanceof Promise) return found.then(give);
    give(found);
    return undefined;
  }

  #give(spec: PodSpec, account: ServiceAccountObject): void {
    if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)
      this.#mountToken(spec);
    if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
      spec.imagePullSecrets = (account.imagePullSecrets ?? []).map((secret) => ({ ...secret }));
    }
  }

  validate(attributes: AdmissionAttributes): Promise<void> | undefined {
    const pod = objectOf<Pod>(attributes);
    if (pod?.spec === undefined) return undefined;
    if (isMirrorPod(pod)) {
      checkMirrorPod(attributes, pod);
      return undefined;
    }
    const { spec } = pod;
    const limit = (account: ServiceAccountObject): void => {
      if (account.metadata.annotations?.[enforceMountableSecrets] === "true")
        limitSecrets(attributes, spec, account);
    };
    const found = this.#account(attributes, spec.serviceAccountName ?? "");
    if (found instanceof Promise) return found.then(limit);
    limit(found);
    return undefined;
  }

  /** At once when the account is there. */
  #account(
    attributes: AdmissionAttributes,
    name: string,
  ): ServiceAccountObject | Promise<ServiceAccountObject> {
    const found = this.#read(attributes, name);
    return found ?? this.#lateAccount(attributes, name);
  }

  #read({ namespace }: AdmissionAttributes, name: string): ServiceAccountObject | undefined {
    return this.#options.reader.get<ServiceAccountObject>(serviceAccounts, namespace, name);
  }

  async #lateAccount(attributes: AdmissionAttributes, name: string): Promise<ServiceAccountObject> {
    if (name === defaultAccount) await this.#nextAccount(attributes.namespace);
    const found = this.#read(attributes, name);
    if (found !== undefined) return found;
    throw refuse(
      attributes,
      `error looking up service account ${attributes.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    );
  }

  #nextAccount(namespace: string): Promise<void> {
    const { reader, clock } = this.#options;
    return new Promise((resolve) => {
      const done = (): void => {
        timer.stop();
        remove();
        resolve();
      };
      const remove = reader.onChange(serviceAccounts, (object) => {
        if (object?.metadata.namespace === namespace && object.metadata.name === defaultAccount) done();
      });
      const timer = clock.after(defaultAccountWaitMs, done);
    });
  }

  /** Every container without a mount of its own at the token's path gets one; a volume that is there is used. */
  #mountToken(spec: PodSpec): void {
    const present = spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix));
    const name = present?.name ?? `${volumePrefix}${randomSuffix(this.#options.random)}`;
    let mounted = false;
    for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
      const mounts = container.volumeMounts ?? [];
      if (mounts.some((mount) => mount.mountPath === mountPath)) continue;
      container.volumeMounts = [...mounts, { name, readOnly: true, mountPath }];
      mounted = true;
    }
    if (mounted && present === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
  }
}

const firstOf = (...texts: (string | undefined)[]): string =>
  texts.find((text) => text !== undefined && text !== "") ?? "";

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenExpirationSeconds, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
    },
  };
}

function checkMirrorPod(attributes: AdmissionAttributes, pod: Pod): void {
  if ((pod.spec?.serviceAccountName ?? "") !== "") {
    throw refuse(attributes, "a mirror pod may not reference service accounts");
  }
  if (secretNames(pod).size > 0) throw refuse(attributes, "a mirror pod may not reference secrets");
  const sources = (pod.spec?.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  if (sources.some((source) => source.serviceAccountToken !== undefined)) {
    throw refuse(attributes, "a mirror pod may not use ServiceAccountToken volume projections");
  }
  if (sources.some((source) => source.clusterTrustBundle !== undefined)) {
    throw refuse(attributes, "a mirror pod may not use ClusterTrustBundle volume projections");
  }
}

/** For accounts that ask for it: a pod may use no secret that its account does not list. */
function limitSecrets(attributes: AdmissionAttributes, spec: PodSpec, account: ServiceAccountObject): void {
  const accountName = account.metadata.name;
  const allowed = new Set((account.secrets ?? []).map((secret) => secret.name));
  const check = (what: string, secretName: string | undefined): void => {
    if (secretName === undefined || allowed.has(secretName)) return;
    throw refuse(
      attributes,
      `${what} referencing secret.secretName="${secretName}" is not allowed because service account ${accountName} does not reference that secret`,
    );
  };
  for (const volume of spec.volumes ?? []) {
    const secretName = volume.secret?.secretName;
    if (secretName === undefined || allowed.has(secretName)) continue;
    throw refuse(
      attributes,
      `volume with secret.secretName="${secretName}" is not allowed because service account ${accountName} does not reference that secret`,
    );
  }
  const containers = [
    ...(spec.initContainers ?? []).map((container) => ({ container, what: "init container" })),
    ...(spec.containers ?? []).map((container) => ({ container, what: "container" })),
    ...(spec.ephemeralContainers ?? []).map((container) => ({ container, what: "ephemeral container" })),
  ];
  for (const { container, what } of containers) {
    for (const variable of container.env ?? []) {
      check(`${what} ${container.name} with envVar ${variable.name}`, variable.valueFrom?.secretKeyRef?.name);
    }
    for (const source of container.envFrom ?? [])
      check(`${what} ${container.name} with envFrom`, source.secretRef?.name);
  }
  const pullable = new Set((account.imagePullSecrets ?? []).map((secret) => secret.name));
  for (const [index, secret] of (spec.imagePullSecrets ?? []).entries()) {
    if (pullable.has(secret.name)) continue;
    throw refuse(
      attributes,
      `imagePullSecrets[${index}].name="${secret.name}" is not allowed because service account ${accountName} does not reference that imagePullSecret`,
    );
  }
}
