import { formatApiVersion } from "../apimachinery/gvk.ts";
import { isObject } from "../apimachinery/json.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import type { Transport, TransportRequest, WatchEvent } from "../apimachinery/transport.ts";
import { type Query, resourcePath } from "../client/paths.ts";
import type { MappedResource } from "./rest-mapper.ts";

/** How the answer is asked for: plain objects, or tables for people. */
export const tableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

export interface ApiTarget {
  readonly resource: Pick<MappedResource, "group" | "version" | "resource" | "kind" | "namespaced">;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

export interface CallOptions {
  readonly query?: Query | undefined;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Requests as kubectl makes them: with whatever query and media type a command wants; warnings are handed on. */
export class Api {
  readonly transport: Transport;
  readonly #warn: (text: string) => void;

  constructor(transport: Transport, warn: (text: string) => void) {
    this.transport = transport;
    this.#warn = warn;
  }

  async call(method: TransportRequest["method"], path: string, options: CallOptions = {}): Promise<unknown> {
    const { query, ...rest } = options;
    const response = await this.transport.request({
      method,
      path,
      ...(query === undefined ? {} : { query }),
      ...rest,
    });
    for (const warning of response.warnings) this.#warn(warning);
    return response.body;
  }

  async get(target: ApiTarget, options: CallOptions = {}): Promise<UnstructuredObject> {
    return (await this.call("GET", pathOf(target), options)) as UnstructuredObject;
  }

  /** All pages of a collection, as one list whose items carry their kind. */
  async list(target: ApiTarget, options: CallOptions = {}, chunkSize = 500): Promise<UnstructuredObject> {
    let first: UnstructuredObject | undefined;
    const items: unknown[] = [];
    for await (const page of this.pages(target, options, chunkSize)) {
      first ??= page;
      if (Array.isArray(page["items"])) items.push(...(page["items"] as unknown[]));
    }
    const { resource } = target;
    const apiVersion = formatApiVersion(resource);
    const kinded = items.map((item) =>
      isObject(item) && item["kind"] === undefined ? { ...item, apiVersion, kind: resource.kind } : item,
    );
    return { ...(first ?? { apiVersion, kind: `${resource.kind}List`, metadata: {} }), items: kinded };
  }

  async *pages(
    target: ApiTarget,
    options: CallOptions = {},
    chunkSize = 500,
  ): AsyncGenerator<UnstructuredObject> {
    let next: string | undefined;
    do {
      const page = (await this.call("GET", pathOf(target), {
        ...options,
        query: { ...options.query, limit: chunkSize > 0 ? String(chunkSize) : undefined, continue: next },
      })) as UnstructuredObject;
      const token: unknown = (page.metadata as Record<string, unknown> | undefined)?.["continue"];
      next = typeof token === "string" && token !== "" ? token : undefined;
      yield page;
    } while (next !== undefined);
  }

  watch(target: ApiTarget, options: CallOptions = {}): AsyncIterable<WatchEvent> {
    const { query, accept, signal } = options;
    return this.transport.watch({
      path: pathOf(target),
      ...(query === undefined ? {} : { query }),
      ...(accept === undefined ? {} : { accept }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async create(target: ApiTarget, body: unknown, query?: Query): Promise<UnstructuredObject> {
    return (await this.call("POST", pathOf({ ...target, name: undefined }), {
      body,
      query,
    })) as UnstructuredObject;
  }

  async post(target: ApiTarget, body: unknown, query?: Query): Promise<UnstructuredObject> {
    return (await this.call("POST", pathOf(target), { body, query })) as UnstructuredObject;
  }

  async replace(target: ApiTarget, body: unknown, query?: Query): Promise<UnstructuredObject> {
    return (await this.call("PUT", pathOf(target), { body, query })) as UnstructuredObject;
  }

  async patch(target: ApiTarget, type: PatchType, body: unknown, query?: Query): Promise<UnstructuredObject> {
    const contentType = patchTypes[type];
    return (await this.call("PATCH", pathOf(target), { body, query, contentType })) as UnstructuredObject;
  }

  async delete(target: ApiTarget, body: unknown, query?: Query): Promise<UnstructuredObject> {
    return (await this.call("DELETE", pathOf(target), { body, query })) as UnstructuredObject;
  }
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

const patchTypes: Readonly<Record<PatchType, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

export function pathOf({ resource, namespace, name, subresource }: ApiTarget): string {
  return resourcePath(resource, { namespace, name, subresource });
}
