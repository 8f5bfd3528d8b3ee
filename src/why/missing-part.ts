import type { KubernetesObject } from "../apimachinery/object.ts";
import { kubectl, type Reason, reason, subject } from "./reason.ts";

const kinds: Readonly<Record<string, string>> = {
  configmap: "ConfigMap",
  secret: "Secret",
  serviceaccount: "ServiceAccount",
  persistentvolumeclaim: "PersistentVolumeClaim",
};

/** How each is made when one knows no more than its name. */
const commands: Readonly<Record<string, (name: string) => string>> = {
  ConfigMap: (name) => `create configmap ${name} --from-literal=KEY=VALUE`,
  Secret: (name) => `create secret generic ${name} --from-literal=KEY=VALUE`,
  ServiceAccount: (name) => `create serviceaccount ${name}`,
  PersistentVolumeClaim: () => "get persistentvolumeclaims",
};

/**
 * The ConfigMap, Secret or account that somebody found missing, by their words: `configmap "settings" not found`,
 * `couldn't find key color in ConfigMap default/settings`, `references non-existent secret key: token`.
 */
export function missingFrom(message: string, user: KubernetesObject): Reason | undefined {
  const { namespace = "" } = user.metadata;
  const gone =
    /(configmaps?|secrets?|serviceaccounts?|persistentvolumeclaims?) "([^"]+)" (?:is )?not found/i.exec(
      message,
    );
  if (gone !== null) {
    const kind = kinds[(gone[1] ?? "").toLowerCase().replace(/s$/, "")] ?? "";
    const name = gone[2] ?? "";
    return reason(subject("v1", kind, name, namespace), "stuck", "does not exist", {
      next: {
        says: `make the ${kind} "${name}", or correct the name where it is used`,
        command: kubectl({ namespace }, commands[kind]?.(name) ?? "get all"),
      },
    });
  }
  const key = /couldn't find key (\S+) in (ConfigMap|Secret) (?:(\S+)\/)?(\S+)/.exec(message);
  if (key !== null) return withoutKey(key[2] ?? "", key[4] ?? "", key[1] ?? "", namespace);
  const projected = /references non-existent (config|secret) key: (\S+)/.exec(message);
  if (projected === null) return undefined;
  const kind = projected[1] === "secret" ? "Secret" : "ConfigMap";
  return withoutKey(kind, nameOfVolume(user, kind), projected[2] ?? "", namespace);
}

function withoutKey(kind: string, name: string, key: string, namespace: string): Reason {
  const field = kind === "Secret" ? "stringData" : "data";
  return reason(subject("v1", kind, name, namespace), "stuck", `has no key "${key}"`, {
    next: {
      says: `add the key "${key}" to the ${kind} "${name}", or correct it where it is used`,
      command: kubectl(
        { namespace },
        `patch ${kind.toLowerCase()} ${name} -p '${JSON.stringify({ [field]: { [key]: "VALUE" } })}'`,
      ),
    },
  });
}

/** The message names the key alone: with one volume of the kind it is clear which. */
function nameOfVolume(user: KubernetesObject, kind: string): string {
  const { spec } = user as {
    spec?: { volumes?: { configMap?: { name?: string }; secret?: { secretName?: string } }[] };
  };
  const names = (spec?.volumes ?? []).flatMap(
    ({ configMap, secret }) => (kind === "Secret" ? secret?.secretName : configMap?.name) ?? [],
  );
  return names[0] ?? "NAME";
}
