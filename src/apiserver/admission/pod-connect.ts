import type { Authorizer } from "../authorization/authorizer.ts";
import { forbiddenError } from "../authorization/forbidden.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";

const subresources = new Set(["exec", "attach", "portforward"]);

/**
 * Running a command in a pod needs the right to `create` it, also for clients that open their connection with GET, as
 * WebSockets do: who may read everything may not act on it. Kubernetes asks in the storage of these subresources
 * (pkg/registry/core/pod/rest/subresources.go); here it is a validating plugin, because the question goes to the
 * authorizer.
 */
export class PodConnect implements AdmissionPlugin {
  readonly name = "PodConnect";
  readonly #authorizer: Authorizer;

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  handles({ operation, resource, subresource }: AdmissionAttributes): boolean {
    return (
      operation === "CONNECT" &&
      resource.group === "" &&
      resource.resource === "pods" &&
      subresources.has(subresource)
    );
  }

  async validate({ user, namespace, name, subresource }: AdmissionAttributes): Promise<void> {
    const attributes = {
      user,
      verb: "create",
      isResourceRequest: true,
      namespace,
      group: "",
      version: "v1",
      resource: "pods",
      subresource,
      name,
      path: "",
    };
    const { decision, reason } = await this.#authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenError(attributes, reason);
  }
}
