import { isObject } from "../../apimachinery/json.ts";
import { changeField, isOfKind, type NameReference } from "./configurations.ts";
import { type KustomizeResource, podSpecPath, visitMaps } from "./resource.ts";

/** A field that names another object. */
interface ReferenceField {
  /** The kind that is named; undefined: the map says so itself in `kind`. */
  readonly to?: string;
  readonly path: string;
  /** `name`, `secretName`, … */
  readonly key: string;
  /** The namespace stands beside the name, and moves with it. */
  readonly withNamespace?: boolean;
}

/** Below a pod spec. */
const podFields: readonly ReferenceField[] = [
  ...["containers[]", "initContainers[]", "ephemeralContainers[]"].flatMap((containers) => [
    { to: "ConfigMap", path: `${containers}/env[]/valueFrom/configMapKeyRef`, key: "name" },
    { to: "ConfigMap", path: `${containers}/envFrom[]/configMapRef`, key: "name" },
    { to: "Secret", path: `${containers}/env[]/valueFrom/secretKeyRef`, key: "name" },
    { to: "Secret", path: `${containers}/envFrom[]/secretRef`, key: "name" },
  ]),
  { to: "ConfigMap", path: "volumes[]/configMap", key: "name" },
  { to: "ConfigMap", path: "volumes[]/projected/sources[]/configMap", key: "name" },
  { to: "Secret", path: "volumes[]/secret", key: "secretName" },
  { to: "Secret", path: "volumes[]/projected/sources[]/secret", key: "name" },
  { to: "Secret", path: "imagePullSecrets[]", key: "name" },
  { to: "PersistentVolumeClaim", path: "volumes[]/persistentVolumeClaim", key: "claimName" },
  { to: "ServiceAccount", path: "", key: "serviceAccountName" },
  { to: "ServiceAccount", path: "", key: "serviceAccount" },
  { to: "PriorityClass", path: "", key: "priorityClassName" },
];

const bindingFields: readonly ReferenceField[] = [
  { path: "roleRef", key: "name" },
  { path: "subjects[]", key: "name", withNamespace: true },
];
const webhookFields: readonly ReferenceField[] = [
  { to: "Service", path: "webhooks[]/clientConfig/service", key: "name", withNamespace: true },
];

const fieldsOfKind: Readonly<Record<string, readonly ReferenceField[]>> = {
  StatefulSet: [
    { to: "Service", path: "spec", key: "serviceName" },
    { to: "StorageClass", path: "spec/volumeClaimTemplates[]/spec", key: "storageClassName" },
  ],
  Ingress: [
    { to: "Service", path: "spec/rules[]/http/paths[]/backend/service", key: "name" },
    { to: "Service", path: "spec/defaultBackend/service", key: "name" },
    { to: "Secret", path: "spec/tls[]", key: "secretName" },
    { to: "IngressClass", path: "spec", key: "ingressClassName" },
  ],
  ServiceAccount: [
    { to: "Secret", path: "secrets[]", key: "name" },
    { to: "Secret", path: "imagePullSecrets[]", key: "name" },
  ],
  HorizontalPodAutoscaler: [{ path: "spec/scaleTargetRef", key: "name" }],
  PersistentVolumeClaim: [
    { to: "PersistentVolume", path: "spec", key: "volumeName" },
    { to: "StorageClass", path: "spec", key: "storageClassName" },
  ],
  PersistentVolume: [
    { to: "StorageClass", path: "spec", key: "storageClassName" },
    { to: "PersistentVolumeClaim", path: "spec/claimRef", key: "name", withNamespace: true },
  ],
  RoleBinding: bindingFields,
  ClusterRoleBinding: bindingFields,
  MutatingWebhookConfiguration: webhookFields,
  ValidatingWebhookConfiguration: webhookFields,
  APIService: [{ to: "Service", path: "spec/service", key: "name", withNamespace: true }],
  CustomResourceDefinition: [
    { to: "Service", path: "spec/conversion/webhook/clientConfig/service", key: "name", withNamespace: true },
  ],
};

/** Lets every field that names an object of the build follow that object's new name. */
export function fixReferences(resources: readonly KustomizeResource[]): void {
  for (const resource of resources) {
    const { object } = resource;
    const podSpec = podSpecPath(object.kind);
    if (podSpec !== undefined) {
      for (const field of podFields) {
        const path = field.path === "" ? podSpec : `${podSpec}/${field.path}`;
        follow(resources, resource, { ...field, path });
      }
    }
    for (const field of fieldsOfKind[object.kind] ?? []) follow(resources, resource, field);
    for (const { to, fields } of resource.references) {
      for (const field of fields) {
        changeField(object, field, (value) => renamedReference(resources, resource, to, value));
      }
    }
    if (object.kind === "Role" || object.kind === "ClusterRole") fixRules(resources, resource);
  }
}

function follow(
  resources: readonly KustomizeResource[],
  from: KustomizeResource,
  field: ReferenceField,
): void {
  visitMaps(from.object, field.path, (map) => {
    const name = map[field.key];
    const kind = field.to ?? map["kind"];
    if (typeof name !== "string" || typeof kind !== "string") return;
    const found = referent(resources, from, kind, name);
    if (found === undefined) return;
    const { name: newName, namespace } = found.object.metadata;
    map[field.key] = newName;
    if (field.withNamespace === true && namespace !== undefined) map["namespace"] = namespace;
  });
}

/** The present name of what the value names: a text, or a map with its name and perhaps its namespace. */
function renamedReference(
  resources: readonly KustomizeResource[],
  from: KustomizeResource,
  to: NameReference["to"],
  value: unknown,
): unknown {
  const candidates = resources.filter(({ object }) => isOfKind(object, to));
  if (typeof value === "string") {
    return referent(candidates, from, to.kind, value)?.object.metadata.name ?? value;
  }
  if (!isObject(value) || typeof value["name"] !== "string") return value;
  const found = referent(candidates, from, to.kind, value["name"]);
  if (found === undefined) return value;
  const { name, namespace } = found.object.metadata;
  return { ...value, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** By any of its former names; among several the one that went through the same layers. */
function referent(
  resources: readonly KustomizeResource[],
  from: KustomizeResource,
  kind: string,
  name: string,
): KustomizeResource | undefined {
  const candidates = resources.filter(
    ({ object, formerNames }) =>
      object.kind === kind && [...formerNames, object.metadata.name].includes(name),
  );
  if (candidates.length < 2) return candidates[0];
  const sameNamespace = candidates.filter(
    ({ object }) => object.metadata.namespace === from.object.metadata.namespace,
  );
  const closest = sameNamespace.length === 0 ? candidates : sameNamespace;
  return closest.find(({ layers }) => layers.join() === from.layers.join()) ?? closest[0];
}

/** Rules name objects without their kind beside the name. */
function fixRules(resources: readonly KustomizeResource[], from: KustomizeResource): void {
  const kinds: Readonly<Record<string, string>> = {
    configmaps: "ConfigMap",
    secrets: "Secret",
    services: "Service",
    serviceaccounts: "ServiceAccount",
  };
  visitMaps(from.object, "rules[]", (rule) => {
    const names = rule["resourceNames"];
    if (!Array.isArray(names)) return;
    const ofRule = (Array.isArray(rule["resources"]) ? (rule["resources"] as unknown[]) : []).flatMap(
      (resource) => kinds[String(resource)] ?? [],
    );
    rule["resourceNames"] = names.map((name: unknown) => {
      for (const kind of ofRule) {
        const found = referent(resources, from, kind, String(name));
        if (found !== undefined) return found.object.metadata.name;
      }
      return name;
    });
  });
}
