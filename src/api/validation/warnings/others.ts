import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { isCidr } from "../../../apimachinery/names.ts";
import type { ServiceAccount } from "../../types/core-v1.ts";
import type { NetworkPolicy, NetworkPolicyPeer } from "../../types/networking-v1.ts";
import type { RuntimeClass } from "../../types/node-v1.ts";
import type { ResourceSlice } from "../../types/resource-v1.ts";
import type { CSIStorageCapacity } from "../../types/storage-v1.ts";
import { list } from "../basics.ts";
import { canonicalCidr } from "../ip.ts";
import { deprecatedLabels, nodeTermWarnings } from "./pod.ts";

/** Warnings of kinds that are seldom written, as the strategies in pkg/registry word them. */

const mountableSecrets = "kubernetes.io/enforce-mountable-secrets";

/** Only who sets it hears of it. */
export function serviceAccountWarnings(
  { metadata }: ServiceAccount,
  warnings: string[],
  old: ServiceAccount | undefined,
): void {
  if (metadata?.annotations?.[mountableSecrets] === undefined) return;
  if (old?.metadata?.annotations?.[mountableSecrets] !== undefined) return;
  warnings.push(
    `metadata.annotations[${mountableSecrets}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
  );
}

/** Addresses of peers that are not in the form that all print. */
export function networkPolicyWarnings({ spec }: NetworkPolicy, warnings: string[]): void {
  const peers = (peersOf: readonly NetworkPolicyPeer[] | undefined, path: string): void =>
    list(peersOf).forEach(({ ipBlock }, index) => {
      const at = `${path}[${index}].ipBlock`;
      cidrWarnings(ipBlock?.cidr, `${at}.cidr`, warnings);
      list(ipBlock?.except).forEach((range, each) => {
        cidrWarnings(range, `${at}.except[${each}]`, warnings);
      });
    });
  list(spec?.ingress).forEach(({ from }, index) => peers(from, `spec.ingress[${index}].from`));
  list(spec?.egress).forEach(({ to }, index) => peers(to, `spec.egress[${index}].to`));
}

/** What is worse than an unusual spelling is refused. */
function cidrWarnings(range: string | undefined, path: string, warnings: string[]): void {
  if (range === undefined || !range.includes(":") || !isCidr(range)) return;
  const canonical = canonicalCidr(range);
  if (canonical === range) return;
  warnings.push(
    `${path}: IPv6 CIDR value ${JSON.stringify(range)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
  );
}

export function runtimeClassWarnings({ scheduling }: RuntimeClass, warnings: string[]): void {
  for (const key of Object.keys(scheduling?.nodeSelector ?? {})) {
    const why = deprecatedLabels[key];
    if (why !== undefined) warnings.push(`scheduling.nodeSelector: ${why}`);
  }
}

export function storageCapacityWarnings({ nodeTopology }: CSIStorageCapacity, warnings: string[]): void {
  nodeTermWarnings(nodeTopology, "nodeTopology", warnings);
  for (const key of Object.keys(nodeTopology?.matchLabels ?? {})) {
    const why = deprecatedLabels[key];
    if (why !== undefined) warnings.push(`nodeTopology.matchLabels.${key}: ${why}`);
  }
}

export function resourceSliceWarnings({ spec }: ResourceSlice, warnings: string[]): void {
  const driver = spec?.driver ?? "";
  if (driver === driver.toLowerCase()) return;
  warnings.push(
    `spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`,
  );
}

/** Names that servers keep for the configuration in their own files. */
export function staticNameWarnings(
  { metadata }: { readonly metadata: ObjectMeta },
  warnings: string[],
): void {
  if (metadata.name?.endsWith(".static.k8s.io") !== true) return;
  warnings.push(
    'metadata.name: names ending with ".static.k8s.io" are reserved for static manifest-based configurations and cannot be managed via the API',
  );
}
