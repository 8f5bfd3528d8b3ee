import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { builtinScheme } from "../../../src/api/builtin-scheme.ts";
import type { ResourceInfo } from "../../../src/api/scheme.ts";
import { RealClock } from "../../../src/apimachinery/clock.ts";
import { formatApiVersion } from "../../../src/apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import { SeededRandom } from "../../../src/apimachinery/random.ts";
import { reconcileBootstrapPolicyInStores } from "../../../src/apiserver/authorization/reconcile-bootstrap-policy.ts";
import { ApiServer } from "../../../src/apiserver/server.ts";
import {
  type HttpsFixture,
  type HttpsRequest,
  type HttpsResponse,
  listenForTest,
} from "../../../src/apiserver/testing/https.ts";
import { adminUser } from "../../../src/apiserver/testing/test-server.ts";
import { createPki } from "../../../src/pki/index.ts";
import { registryExtensions } from "../../../src/registry/index.ts";
import { newSecurity } from "../../../src/registry/security.ts";
import { MemoryStorage } from "../../../src/storage/memory/memory-storage.ts";

/** Every resource of Kubernetes 1.36, as its discovery lists them. */
export const resourcesFile = fileURLToPath(
  new URL("../../../../shared/reference/kubernetes/resources.tsv", import.meta.url),
);
export const hasResources = existsSync(resourcesFile);

export const scheme = builtinScheme({ betas: true });

export interface KnownResource {
  readonly apiVersion: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** "status" → its verbs. */
  readonly subresources: Readonly<Record<string, readonly string[]>>;
}

/** The rows of the reference. */
export function knownResources(): KnownResource[] {
  const [, ...lines] = readFileSync(resourcesFile, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [apiVersion = "", resource = "", kind = "", scope, verbs = "", parts = ""] = line.split("\t");
    const subresources = Array.from(parts.matchAll(/(\w+)\(([^)]*)\)/g), ([, name = "", list = ""]) => [
      name,
      list.split(","),
    ]);
    return {
      apiVersion,
      resource,
      kind,
      namespaced: scope === "Namespaced",
      verbs: verbs.split(","),
      subresources: Object.fromEntries(subresources),
    };
  });
}

/** An API server without controllers over HTTPS, all betas on, its security real: what it answers is its own work. */
export class ServerUnderTest {
  readonly server: ApiServer;
  readonly #https: HttpsFixture;

  private constructor(server: ApiServer, https: HttpsFixture) {
    this.server = server;
    this.#https = https;
  }

  static async start(): Promise<ServerUnderTest> {
    const clock = new RealClock();
    const random = new SeededRandom(1);
    const security = newSecurity({
      pki: createPki({ clock }),
      clock,
      random,
      staticTokens: new Map([["admin", adminUser]]),
    });
    const server = new ApiServer({
      storage: new MemoryStorage(),
      scheme,
      clock,
      random,
      security: security.open,
      extensions: [...registryExtensions({ serviceCidr: "10.96.0.0/16" }), ...security.extensions],
    });
    await server.start();
    await reconcileBootstrapPolicyInStores(server.stores, server.reader);
    const started = new ServerUnderTest(server, await listenForTest(server, clock.now()));
    for (const name of ["default", "kube-system", "other"]) {
      await started.post("/api/v1/namespaces", {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name },
      });
      const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
      await started.post(`/api/v1/namespaces/${name}/serviceaccounts`, account);
    }
    return started;
  }

  /** For clients of other kinds. */
  get address(): { readonly host: string; readonly port: number; readonly ca: string } {
    return { host: "127.0.0.1", port: this.#https.port, ca: this.#https.authority.certificate };
  }

  ask(path: string, options: HttpsRequest = {}): Promise<HttpsResponse> {
    return this.#https.request(path, options);
  }

  get(path: string, accept = "application/json"): Promise<HttpsResponse> {
    return this.ask(path, { headers: { accept } });
  }

  send(method: string, path: string, body?: unknown, type = "application/json"): Promise<HttpsResponse> {
    const headers = { accept: "application/json", "content-type": type };
    return this.ask(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  post(path: string, body: unknown): Promise<HttpsResponse> {
    return this.send("POST", path, body);
  }

  put(path: string, body: unknown): Promise<HttpsResponse> {
    return this.send("PUT", path, body);
  }

  delete(path: string, body?: unknown): Promise<HttpsResponse> {
    return this.send("DELETE", path, body);
  }

  patch(type: PatchType, path: string, body: unknown): Promise<HttpsResponse> {
    return this.send("PATCH", path, body, patchTypes[type]);
  }

  close(): Promise<void> {
    return this.#https.close();
  }
}

const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;
export type PatchType = keyof typeof patchTypes;

/** The path of a collection; of all namespaces when the namespace is "". */
export function collectionPath(info: ResourceInfo, namespace = "default"): string {
  const root = info.group === "" ? `/api/${info.version}` : `/apis/${info.group}/${info.version}`;
  const inside = info.namespaced && namespace !== "" ? `/namespaces/${namespace}` : "";
  return `${root}${inside}/${info.resource}`;
}

export const keyOf = (info: ResourceInfo): string => `${formatApiVersion(info)}/${info.kind}`;
export const objectOf = (response: HttpsResponse): UnstructuredObject =>
  response.json<UnstructuredObject & Record<string, unknown>>();
