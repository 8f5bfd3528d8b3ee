import type { Status } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { StatusError } from "../../apimachinery/status.ts";
import type { Transport, TransportRequest, WatchEvent } from "../../apimachinery/transport.ts";

/** Short forms for tests that speak with a transport. */
export class TestApi {
  readonly transport: Transport;
  readonly warnings: string[] = [];

  constructor(transport: Transport) {
    this.transport = transport;
  }

  async call(request: TransportRequest): Promise<UnstructuredObject> {
    const response = await this.transport.request(request);
    this.warnings.splice(0, this.warnings.length, ...response.warnings);
    return response.body as UnstructuredObject;
  }

  get(path: string, query: Record<string, string> = {}): Promise<UnstructuredObject> {
    return this.call({ method: "GET", path, query });
  }

  list(path: string, query: Record<string, string> = {}): Promise<TestList> {
    return this.get(path, query) as Promise<unknown> as Promise<TestList>;
  }

  post(path: string, body: unknown, query: Record<string, string> = {}): Promise<UnstructuredObject> {
    return this.call({ method: "POST", path, body, query });
  }

  put(path: string, body: unknown, query: Record<string, string> = {}): Promise<UnstructuredObject> {
    return this.call({ method: "PUT", path, body, query });
  }

  patch(
    type: string,
    path: string,
    body: unknown,
    query: Record<string, string> = {},
  ): Promise<UnstructuredObject> {
    return this.call({ method: "PATCH", path, body, query, contentType: contentTypes[type] ?? type });
  }

  delete(path: string, body?: unknown, query: Record<string, string> = {}): Promise<UnstructuredObject> {
    return this.call({ method: "DELETE", path, body, query });
  }

  /** Collects events until `stop` is called; `stop` answers with them in short form. */
  watch(path: string, query: Record<string, string> = {}): TestWatch {
    const stopped = new AbortController();
    const events: WatchEvent[] = [];
    const ended = (async () => {
      for await (const event of this.transport.watch({ path, query, signal: stopped.signal }))
        events.push(event);
    })();
    // The test looks at the failure when it asks for the end.
    ended.catch(() => undefined);
    return {
      events,
      ended,
      short: () =>
        events.map(
          ({ type, object }) => `${type} ${object.metadata.name ?? object.metadata.resourceVersion}`,
        ),
      stop: async () => {
        stopped.abort();
        await ended;
      },
    };
  }
}

export interface TestWatch {
  readonly events: readonly WatchEvent[];
  readonly ended: Promise<void>;
  /** "ADDED web", or "BOOKMARK 12". */
  short(): string[];
  stop(): Promise<void>;
}

export interface TestList {
  readonly kind: string;
  readonly metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  readonly items: readonly UnstructuredObject[];
}

const contentTypes: Readonly<Record<string, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** The Status with which the request fails; fails the test when it succeeds. */
export async function failure(request: Promise<unknown>): Promise<Status> {
  try {
    await request;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  }
  throw new Error("the request was expected to fail");
}

/** Lets what is ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
