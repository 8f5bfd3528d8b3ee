import type { PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import type { StorageClass } from "../../api/types/storage-v1.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf, oldObjectOf, refuse } from "./attributes.ts";

/** A claim grows only when it is bound and its storage class allows it. */
export class PersistentVolumeClaimResize implements AdmissionPlugin {
  readonly name = "PersistentVolumeClaimResize";
  readonly #reader: AdmissionDependencies["reader"];

  constructor({ reader }: AdmissionDependencies) {
    this.#reader = reader;
  }

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "UPDATE" && concerns(attributes, "", "persistentvolumeclaims");
  }

  validate(attributes: AdmissionAttributes): void {
    const claim = objectOf<PersistentVolumeClaim>(attributes);
    const old = oldObjectOf<PersistentVolumeClaim>(attributes);
    const size = tryParseQuantity(claim?.spec?.resources?.requests?.storage);
    const oldSize = tryParseQuantity(old?.spec?.resources?.requests?.storage);
    if (claim === undefined || old === undefined || size === undefined) return;
    if (oldSize !== undefined && size.compare(oldSize) <= 0) return;
    if (old.status?.phase !== "Bound") {
      throw refuse(attributes, "Only bound persistent volume claims can be expanded");
    }
    const className = classOf(claim);
    const found = this.#reader.get<StorageClass>(
      { group: "storage.k8s.io", resource: "storageclasses" },
      "",
      className,
    );
    if (className === "" || className !== classOf(old) || found?.allowVolumeExpansion !== true) {
      throw refuse(
        attributes,
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
      );
    }
  }
}

/** The annotation is older than the field and still wins. */
const classOf = ({ metadata, spec }: PersistentVolumeClaim): string =>
  metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName ?? "";
