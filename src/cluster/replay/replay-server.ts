import { type Clock, RealClock, VirtualClock } from "../../apimachinery/clock.ts";
import { goJson } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newInternalError, newUnauthorized, StatusError } from "../../apimachinery/status.ts";
import type { ApiRequest } from "../../apiserver/endpoints/api-request.ts";
import type { HttpExchange } from "../../apiserver/http/http-exchange.ts";
import { HttpServer } from "../../apiserver/http/http-server.ts";
import { certificatesOf, createPki, type Pki } from "../../pki/index.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { Cluster } from "../cluster.ts";
import { adminUser } from "../identities.ts";
import type { Artifact } from "./artifact.ts";
import { readOnly, refuseWrites } from "./read-only.ts";
import { savedLogs } from "./saved-logs.ts";
import { Timeline } from "./timeline.ts";

/** So many revisions are kept ready; each holds the caches of a server. */
const openMax = 4;

/**
 * Serves a cluster that is no more, as it was at any revision: below `/at/57/` at revision 57, below
 * `/at/2026-01-01T00:05:00Z/` at that time, and without such a path at the revision that was chosen. Ages are those of
 * that moment, because the server's clock stands still there.
 */
export class ReplayServer {
  readonly artifact: Artifact;
  readonly timeline: Timeline;
  /** Whose certificates the server shows and takes. */
  readonly pki: Pki;
  readonly #chosen: number;
  readonly #real: Clock;
  readonly #open = new Map<number, Promise<Cluster>>();
  #http: HttpServer | undefined;

  private constructor(artifact: Artifact, timeline: Timeline, chosen: number, real: Clock) {
    this.artifact = artifact;
    this.timeline = timeline;
    this.#chosen = chosen;
    this.#real = real;
    this.pki = createPki({ clock: real });
  }

  /** `at` is a revision or a time; by default the last revision. Throws RangeError for what the artifact does not have. */
  static async of(artifact: Artifact, { at = "" }: { readonly at?: string } = {}): Promise<ReplayServer> {
    const timeline = await Timeline.of(artifact);
    const chosen = at === "" ? artifact.header.revision : resolveMoment(artifact, timeline, at);
    return new ReplayServer(artifact, timeline, chosen, new RealClock());
  }

  /** The revision that is served where no path says another. */
  get revision(): number {
    return this.#chosen;
  }

  /** Opens HTTPS on loopback; 0 takes a free port. Resolves with it. */
  async listen(port: number): Promise<number> {
    const { server, authority } = this.pki;
    const tls = { key: server.key, cert: server.certificate, clientCa: authority.certificate };
    this.#http = new HttpServer({ tls, clock: this.#real, handle: (exchange) => this.#handle(exchange) });
    return await this.#http.listen(port, "127.0.0.1");
  }

  async close(): Promise<void> {
    await this.#http?.close(Promise.resolve());
    for (const cluster of this.#open.values()) await (await cluster).stop();
    this.#open.clear();
  }

  async #handle(exchange: HttpExchange): Promise<void> {
    const [, at, path = "/"] = /^\/at\/([^/]+)(\/.*)?$/.exec(exchange.request.path) ?? [];
    try {
      if (!this.#isOwner(exchange.request)) throw newUnauthorized();
      const revision =
        at === undefined ? this.#chosen : resolveMoment(this.artifact, this.timeline, decodeURIComponent(at));
      const { server } = await this.#at(revision);
      await server.serve(asOwner(exchange, at === undefined ? exchange.request.path : path));
    } catch (error) {
      const { code, status } = refusalOf(error);
      exchange.respond(code, { "content-type": "application/json" }, Buffer.from(`${goJson(status)}\n`));
    }
  }

  /** Certificates have times, and those of the servers' clocks are long gone: who asks is found out here. */
  #isOwner({ credentials }: ApiRequest): boolean {
    const shown = "certificates" in credentials ? credentials.certificates[0] : undefined;
    const own = certificatesOf(this.pki.admin.certificate)[0];
    return shown !== undefined && own?.equals(shown) === true;
  }

  #at(revision: number): Promise<Cluster> {
    const known = this.#open.get(revision);
    this.#open.delete(revision);
    const cluster = known ?? this.#start(revision);
    // The one that was asked for last goes last.
    this.#open.set(revision, cluster);
    const [oldest] = this.#open.keys();
    if (this.#open.size > openMax && oldest !== undefined) {
      const ended = this.#open.get(oldest);
      this.#open.delete(oldest);
      void ended?.then((old) => old.stop());
    }
    return cluster;
  }

  async #start(revision: number): Promise<Cluster> {
    const { storage, header, containerLogs } = this.artifact;
    const { items } = await storage.list("", { revision });
    // The time of the next write is not known, and what follows within a second belongs to this moment.
    const atMs = this.timeline.timeOf(revision) ?? header.nowMs;
    const clock = new VirtualClock(atMs);
    const { serviceCidr } = header.options ?? {};
    const cluster = new Cluster({
      clock,
      storage: readOnly(MemoryStorage.of(items, revision)),
      pki: this.pki,
      intercept: refuseWrites(revision),
      ...(typeof serviceCidr === "string" && { serviceCidr }),
    });
    await cluster.startApi();
    for (const { key, value } of items) {
      if (!key.startsWith("/registry/core/nodes/")) continue;
      const { metadata } = JSON.parse(Buffer.from(value).toString("utf8")) as UnstructuredObject;
      cluster.connectNode(metadata.name ?? "", savedLogs(containerLogs, atMs + 999));
    }
    return cluster;
  }
}

/** The revision that a person means: by its number, or by a time. Throws RangeError for one that is not there. */
export function resolveMoment({ header }: Artifact, timeline: Timeline, at: string): number {
  const { firstRevision, revision } = header;
  const first = Math.max(1, firstRevision);
  if (/^\d+$/.test(at)) {
    const asked = Number(at);
    if (asked >= first && asked <= revision) return asked;
    throw new RangeError(`there is no revision ${at}: the artifact has ${first} to ${revision}`);
  }
  const timeMs = new Date(at).getTime();
  if (Number.isNaN(timeMs)) {
    throw new RangeError(`"${at}" is neither a revision nor a time such as 2026-01-01T00:05:00Z`);
  }
  const found = timeline.revisionAt(timeMs + 999);
  if (found !== undefined) return found;
  const begins = timeline.moments[0];
  throw new RangeError(
    `there was nothing yet at ${at}: the artifact begins ${begins === undefined ? "at its end" : `at ${new Date(begins.atMs).toISOString()}`}`,
  );
}

function refusalOf(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof RangeError) return newBadRequest(error.message);
  return newInternalError(error);
}

/** The same exchange, as if the administrator had asked for that path. */
function asOwner(exchange: HttpExchange, path: string): HttpExchange {
  const { request } = exchange;
  const moved: ApiRequest = {
    method: request.method,
    path,
    ...(request.uri !== undefined && { uri: request.uri.slice(request.path.length - path.length) || "/" }),
    query: request.query,
    header: (name) => request.header(name),
    headerValues: (name) => request.headerValues?.(name) ?? [],
    headerNames: () => request.headerNames(),
    body: request.body,
    credentials: adminUser,
    remoteAddress: request.remoteAddress,
    get signal() {
      return request.signal;
    },
    isInProcess: false,
  };
  return {
    request: moved,
    end: exchange.end,
    respond: (status, headers, body) => exchange.respond(status, headers, body),
    begin: (status, headers) => exchange.begin(status, headers),
    closeAfter: () => exchange.closeAfter?.(),
  };
}
