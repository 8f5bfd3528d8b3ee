import type { APIResourceList } from "../apimachinery/meta-v1.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";

/** Finds the resource of a kind by what the server tells of itself. */
export class ServedKinds {
  readonly #client: Client;
  readonly #found = new Map<string, ResourceReference>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Rejects where the kind is not served. */
  async resourceOf(apiVersion: string, kind: string): Promise<ResourceReference> {
    const key = `${apiVersion} ${kind}`;
    if (key === "v1 Pod") return resources.pods;
    if (key === "v1 Node") return resources.nodes;
    const found = this.#found.get(key) ?? (await this.#discover(apiVersion, kind));
    this.#found.set(key, found);
    return found;
  }

  async #discover(apiVersion: string, kind: string): Promise<ResourceReference> {
    const inGroup = apiVersion.includes("/");
    const path = inGroup ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { body } = await this.#client.transport.request({ method: "GET", path });
    const found = (body as APIResourceList).resources.find(
      (resource) => resource.kind === kind && !resource.name.includes("/"),
    );
    if (found === undefined) throw new Error(`${apiVersion} has no kind ${kind}`);
    const [group = "", version = ""] = inGroup ? apiVersion.split("/") : ["", apiVersion];
    return { group, version, resource: found.name, kind, namespaced: found.namespaced };
  }
}
