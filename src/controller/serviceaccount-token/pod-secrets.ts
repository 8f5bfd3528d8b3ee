import type { Pod, Volume } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";

/** The Secrets of its namespace that a pod uses in any way. */
export function podSecretNames({ spec }: Pod): ReadonlySet<string> {
  const containers = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  const names = [
    ...(spec?.imagePullSecrets ?? []).map(({ name }) => name),
    ...containers.flatMap(({ env = [], envFrom = [] }) => [
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...envFrom.map(({ secretRef }) => secretRef?.name),
    ]),
    ...(spec?.volumes ?? []).flatMap(secretsOf),
  ];
  return new Set(names.filter((name) => name !== undefined));
}

function secretsOf(volume: Volume): (string | undefined)[] {
  // Drivers refer to secrets by members of their own that all end alike.
  const references = Object.values(volume)
    .filter(isObject)
    .flatMap((source) => Object.entries(source))
    .flatMap(([member, value]) =>
      /secretref$/i.test(member) && isObject(value) && typeof value["name"] === "string"
        ? [value["name"]]
        : [],
    );
  return [
    volume.secret?.secretName,
    volume.azureFile?.secretName,
    ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
    ...references,
  ];
}
