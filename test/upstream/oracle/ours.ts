import { setTimeout as wait } from "node:timers/promises";
import { builtinScheme } from "../../../src/api/builtin-scheme.ts";
import type { ResourceInfo, Scheme } from "../../../src/api/scheme.ts";
import { RealClock } from "../../../src/apimachinery/clock.ts";
import { formatApiVersion } from "../../../src/apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import { SeededRandom } from "../../../src/apimachinery/random.ts";
import { StatusError } from "../../../src/apimachinery/status.ts";
import type { Transport } from "../../../src/apimachinery/transport.ts";
import { ApiServer } from "../../../src/apiserver/server.ts";
import { adminUser, openSecurity } from "../../../src/apiserver/testing/test-server.ts";
import { createPki } from "../../../src/pki/index.ts";
import { registryExtensions } from "../../../src/registry/index.ts";
import { newSecurity } from "../../../src/registry/security.ts";
import { MemoryStorage } from "../../../src/storage/memory/memory-storage.ts";
import type { Answer, Question } from "./question.ts";

/** Our own API server without admission: what it makes of a write is the work of its schema, strategies and rules. */
export class OurServer {
  readonly scheme: Scheme;
  readonly #transport: Transport;

  private constructor(scheme: Scheme, transport: Transport) {
    this.scheme = scheme;
    this.#transport = transport;
  }

  static async start(): Promise<OurServer> {
    const scheme = builtinScheme({ betas: true });
    const clock = new RealClock();
    const random = new SeededRandom(1);
    const security = newSecurity({
      pki: createPki({ clock }),
      clock,
      random,
      staticTokens: new Map(),
    });
    const server = new ApiServer({
      storage: new MemoryStorage(),
      clock,
      scheme,
      random,
      security: () => openSecurity(),
      extensions: [...registryExtensions({ serviceCidr: "10.96.0.0/24" }), ...security.extensions],
    });
    await server.start();
    const ours = new OurServer(scheme, server.inProcessTransport(adminUser));
    for (const name of ["default", "other"]) {
      await ours.#transport.request({
        method: "POST",
        path: "/api/v1/namespaces",
        body: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      });
    }
    return ours;
  }

  /** What is stored under that name, made of `object` if need be; with its status where the kind has one. */
  async store(info: ResourceInfo, object: UnstructuredObject): Promise<UnstructuredObject> {
    const path = collection(info, object);
    const created = await this.#send("POST", path, object);
    // A policy is type-checked beside its creation, which changes its version once more.
    if (info.resource === "validatingadmissionpolicies") {
      const one = `${path}/${created.metadata.name}`;
      await wait(200);
      return (await this.#transport.request({ method: "GET", path: one })).body as UnstructuredObject;
    }
    const hasStatus = info.subresources.some(({ name }) => name === "status");
    if (!hasStatus || object["status"] === undefined) return created;
    return this.#send("PUT", `${path}/${created.metadata.name}/status`, {
      ...created,
      status: object["status"],
    });
  }

  async #send(method: "POST" | "PUT", path: string, body: unknown): Promise<UnstructuredObject> {
    return (await this.#transport.request({ method, path, body })).body as UnstructuredObject;
  }

  /** Asks and writes nothing. */
  async ask(info: ResourceInfo, { op, subresource, object, old }: Question): Promise<Answer> {
    const known = old ?? object;
    const part = subresource === "" ? "" : `/${subresource}`;
    const path = collection(info, known) + (op === "create" ? "" : `/${known.metadata.name ?? ""}${part}`);
    try {
      const { body, warnings } = await this.#transport.request({
        method: op === "create" ? "POST" : "PUT",
        path,
        query: { dryRun: "All", fieldValidation: "Ignore" },
        body: object,
      });
      return { object: body as UnstructuredObject, ...(warnings.length === 0 ? {} : { warnings }) };
    } catch (error) {
      if (error instanceof StatusError) return { status: error.status };
      return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  }
}

function collection(info: ResourceInfo, { metadata }: UnstructuredObject): string {
  const root = info.group === "" ? `/api/${info.version}` : `/apis/${formatApiVersion(info)}`;
  const namespace = info.namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : "";
  return `${root}${namespace}/${info.resource}`;
}
