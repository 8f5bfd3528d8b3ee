import { parseApiVersion } from "../../../apimachinery/gvk.ts";
import type { KubernetesObject, UnstructuredObject } from "../../../apimachinery/object.ts";
import { StatusError } from "../../../apimachinery/status.ts";
import { newUser } from "../../authentication/users.ts";
import type { UserInfo } from "../../request-context.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";

export interface Request {
  readonly operation?: AdmissionAttributes["operation"];
  /** `pods`, `deployments.apps`, `pods/status`. Default: the plural of the object's kind. */
  readonly resource?: string;
  readonly object?: object;
  readonly old?: object;
  readonly namespace?: string;
  readonly name?: string;
  readonly user?: UserInfo;
  readonly dryRun?: boolean;
}

/** Attributes of a request as the API server makes them; `warnings` collects what plugins warn of. */
export function attributesOf(request: Request): AdmissionAttributes & { readonly warnings: string[] } {
  const object = request.object as UnstructuredObject | undefined;
  const oldObject = request.old as UnstructuredObject | undefined;
  const shown = object ?? oldObject;
  const kind = shown?.kind ?? "";
  const [full = "", subresource = ""] = (request.resource ?? `${kind.toLowerCase()}s`).split("/");
  const dot = full.indexOf(".");
  const { group, version } = parseApiVersion(shown?.apiVersion ?? "v1");
  const warnings: string[] = [];
  return {
    operation: request.operation ?? "CREATE",
    kind: { group, version, kind },
    resource: {
      group: dot < 0 ? group : full.slice(dot + 1),
      version,
      resource: dot < 0 ? full : full.slice(0, dot),
    },
    subresource,
    namespace: request.namespace ?? shown?.metadata?.namespace ?? "",
    name: request.name ?? shown?.metadata?.name ?? "",
    object,
    oldObject,
    options: undefined,
    dryRun: request.dryRun ?? false,
    user: request.user ?? newUser("jane", ["system:authenticated"]),
    addWarning: (text) => void warnings.push(text),
    warnings,
  };
}

/** Runs both parts of the plugin, as the API server does, and answers `admitted` or the refusal's message. */
export async function verdictOf(plugin: AdmissionPlugin, attributes: AdmissionAttributes): Promise<string> {
  try {
    await run(plugin, attributes);
    return "admitted";
  } catch (error) {
    if (error instanceof StatusError) return error.message;
    throw error;
  }
}

export async function run(plugin: AdmissionPlugin, attributes: AdmissionAttributes): Promise<void> {
  if (!plugin.handles(attributes)) return;
  await plugin.admit?.(attributes, false);
  await plugin.validate?.(attributes);
}

/** An object of the core group in the namespace `default`. */
export function coreObject(kind: string, name: string, rest: object = {}): KubernetesObject {
  return { apiVersion: "v1", kind, metadata: { name, namespace: "default", uid: `${name}-uid` }, ...rest };
}

/** A pod of one container `c`, with the given spec on top. */
export function podWith(
  spec: object = {},
  metadata: object = {},
): KubernetesObject & { spec: Record<string, unknown> } {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default", ...metadata },
    spec: { containers: [{ name: "c", image: "nginx" }], ...spec },
  };
}
