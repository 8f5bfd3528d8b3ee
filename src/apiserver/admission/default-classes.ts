import type { PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { Ingress } from "../../api/types/networking-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf } from "./attributes.ts";

/** The class marked as default; of several the newest, then the first by name. */
function defaultClass(
  classes: readonly KubernetesObject[],
  annotations: readonly string[],
): string | undefined {
  const marked = classes.filter(({ metadata }) =>
    annotations.some((annotation) => metadata.annotations?.[annotation] === "true"),
  );
  const [first] = marked.toSorted((a, b) => {
    const newest =
      Date.parse(b.metadata.creationTimestamp ?? "") - Date.parse(a.metadata.creationTimestamp ?? "");
    return newest || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1);
  });
  return first?.metadata.name;
}

const storageAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

/** Claims that name no storage class get the default one. `storageClassName: ""` asks for none, and gets none. */
export class DefaultStorageClass implements AdmissionPlugin {
  readonly name = "DefaultStorageClass";
  readonly #reader: AdmissionDependencies["reader"];

  constructor({ reader }: AdmissionDependencies) {
    this.#reader = reader;
  }

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "CREATE" && concerns(attributes, "", "persistentvolumeclaims");
  }

  admit(attributes: AdmissionAttributes): void {
    const claim = objectOf<PersistentVolumeClaim>(attributes);
    if (claim?.spec === undefined || claim.spec.storageClassName !== undefined) return;
    if (claim.metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] !== undefined) return;
    const classes = this.#reader.list({ group: "storage.k8s.io", resource: "storageclasses" });
    const name = defaultClass(classes, storageAnnotations);
    if (name !== undefined) claim.spec.storageClassName = name;
  }
}

/** Ingresses that name no class get the default one. */
export class DefaultIngressClass implements AdmissionPlugin {
  readonly name = "DefaultIngressClass";
  readonly #reader: AdmissionDependencies["reader"];

  constructor({ reader }: AdmissionDependencies) {
    this.#reader = reader;
  }

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "CREATE" && concerns(attributes, "networking.k8s.io", "ingresses");
  }

  admit(attributes: AdmissionAttributes): void {
    const ingress = objectOf<Ingress>(attributes);
    if (ingress === undefined || ingress.spec?.ingressClassName !== undefined) return;
    if (ingress.metadata.annotations?.["kubernetes.io/ingress.class"] !== undefined) return;
    const classes = this.#reader.list({ group: "networking.k8s.io", resource: "ingressclasses" });
    const name = defaultClass(classes, ["ingressclass.kubernetes.io/is-default-class"]);
    if (name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: name };
  }
}
