import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";

/** Resource and group → the finalizer that keeps an object until nothing uses it any more. */
const finalizers: Readonly<Record<string, string>> = {
  "persistentvolumes.": "kubernetes.io/pv-protection",
  "persistentvolumeclaims.": "kubernetes.io/pvc-protection",
  "volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
};

const finalizerOf = ({ resource }: AdmissionAttributes): string | undefined =>
  finalizers[`${resource.resource}.${resource.group}`];

/** Volumes, claims and volume attribute classes stay as long as they are in use. */
export class StorageObjectInUseProtection implements AdmissionPlugin {
  readonly name = "StorageObjectInUseProtection";

  handles(attributes: AdmissionAttributes): boolean {
    return (
      attributes.operation === "CREATE" &&
      attributes.subresource === "" &&
      finalizerOf(attributes) !== undefined
    );
  }

  admit(attributes: AdmissionAttributes): void {
    const { object } = attributes;
    const finalizer = finalizerOf(attributes);
    if (object === undefined || finalizer === undefined) return;
    const present = object.metadata.finalizers ?? [];
    if (!present.includes(finalizer)) object.metadata.finalizers = [...present, finalizer];
  }
}
