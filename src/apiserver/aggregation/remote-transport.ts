import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Agent } from "node:https";
import type { APIServiceSpec } from "../../api/types/apiregistration-v1.ts";
import { trusting } from "../../apimachinery/trust.ts";
import { namesUser } from "../authentication/request-header.ts";
import type { UserInfo } from "../request-context.ts";
import { bundleText, caBundleError } from "../webhook/ca-bundle.ts";
import { describeNetworkFailure } from "../webhook/network-failure.ts";
import { checkServerIdentity } from "../webhook/server-identity.ts";
import { type SocketAddress, serviceAddresses } from "../webhook/service-endpoints.ts";
import type { FetchedDocument, FetchOptions } from "./aggregation.ts";
import { identityHeaders, isIdentityHeader } from "./identity-headers.ts";
import type { ClientCertificate, RemoteServerOptions } from "./remote-server.ts";

/** Who this server is when it asks on its own account. */
const aggregator: UserInfo = {
  name: "system:kube-aggregator",
  uid: "",
  groups: ["system:masters"],
  extra: {},
};

const defaultMaxBytes = 32 * 1024 * 1024;
/** Idle connections end after this time, before most servers end them on their side. */
const idleMs = 30_000;

/** The certificates that the server is to be known by cannot be used: nobody can ask it. */
export class UnusableSpecError extends Error {
  override readonly name = "UnusableSpecError";
}

export interface OutgoingRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly signal: AbortSignal;
}

/** Connections to the endpoints of one Service, kept between requests. */
export class RemoteTransport {
  readonly #spec: APIServiceSpec;
  readonly #options: RemoteServerOptions;
  #agent: Agent | undefined;
  /** By the agent's connections. */
  #shown: ClientCertificate | undefined;
  #isRetired = false;

  constructor(spec: APIServiceSpec, options: RemoteServerOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  /** Aborts when this server stops. */
  get stopped(): AbortSignal {
    return this.#options.stopped;
  }

  /** Whether the header of a client, by its name in lower case, could be taken for a word about who asks. */
  namesUser(header: string): boolean {
    const { userHeaders } = this.#options;
    return isIdentityHeader(header) || (userHeaders !== undefined && namesUser(userHeaders, header));
  }

  /** Where requests may go, in the order in which to try; throws with what is missing. */
  addresses(): readonly SocketAddress[] {
    const { namespace = "", name = "", port = 443 } = this.#spec.service ?? {};
    return serviceAddresses(this.#options.reader, this.#options.random, { namespace, name, port });
  }

  /** A request on its way; its body is the caller's to send. Throws UnusableSpecError. */
  begin({ host, port }: SocketAddress, { method, path, headers, signal }: OutgoingRequest): ClientRequest {
    const { request } = process.getBuiltinModule("node:https");
    const agent = this.#currentAgent();
    return request({
      method,
      host,
      port,
      path,
      headers: { ...headers, host: authority({ host, port }) },
      servername: this.#serverName,
      agent,
      signal,
    });
  }

  /** What went wrong, in the words that people search for. */
  describe(error: unknown, address: SocketAddress): string {
    const destination = { ...address, serverName: this.#serverName };
    return describeNetworkFailure(error, destination, this.#options.clock.now());
  }

  /** See RemoteApiServer.fetch. */
  async fetch(path: string, options: FetchOptions): Promise<FetchedDocument> {
    const [address] = this.addresses();
    if (address === undefined) throw new Error("no address to connect to");
    const { maxBytes = defaultMaxBytes } = options;
    return await this.#ask(path, options, address, (outgoing) => documentOf(outgoing, maxBytes));
  }

  /** With which code the address answers to a GET; what else it says is of no interest. */
  async codeOf(path: string, timeoutMs: number, address: SocketAddress): Promise<number> {
    return await this.#ask(path, { timeoutMs }, address, (outgoing) => {
      const end = this.#options.clock.after(timeoutMs, () => outgoing.destroy());
      outgoing.on("close", () => end.stop());
      return codeOf(outgoing);
    });
  }

  async #ask<T>(
    path: string,
    options: FetchOptions,
    target: SocketAddress,
    read: (outgoing: ClientRequest) => Promise<T>,
  ): Promise<T> {
    const aborted = new AbortController();
    const abort = (): void => aborted.abort();
    const timer = this.#options.clock.after(options.timeoutMs, abort);
    const signals = [this.stopped, ...(options.signal === undefined ? [] : [options.signal])];
    for (const signal of signals) signal.addEventListener("abort", abort, { once: true });
    try {
      const headers = { accept: "application/json", ...options.headers, ...identityHeaders(aggregator) };
      const outgoing = this.begin(target, { method: "GET", path, headers, signal: aborted.signal });
      const answer = read(outgoing);
      outgoing.end();
      return await answer;
    } catch (error) {
      if (error instanceof UnusableSpecError) throw error;
      const isLate = aborted.signal.aborted && signals.every((signal) => !signal.aborted);
      const why = isLate
        ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        : this.describe(error, target);
      throw new Error(`Get "https://${authority(target)}${path}": ${why}`, { cause: error });
    } finally {
      timer.stop();
      for (const signal of signals) signal.removeEventListener("abort", abort);
    }
  }

  /** Keeps no connections any more; requests under way are finished. */
  retire(): void {
    this.#isRetired = true;
    keepNothing(this.#agent);
  }

  get #serverName(): string {
    const { namespace = "", name = "" } = this.#spec.service ?? {};
    return `${name}.${namespace}.svc`;
  }

  /** Another one as soon as another certificate is to be shown. */
  #currentAgent(): Agent {
    const shown = this.#options.clientCertificate?.();
    if (this.#agent === undefined || shown !== this.#shown) {
      const agent = this.#newAgent(shown);
      keepNothing(this.#agent);
      this.#agent = agent;
      this.#shown = shown;
    }
    return this.#agent;
  }

  #newAgent(shown: ClientCertificate | undefined): Agent {
    const { caBundle = "", insecureSkipTLSVerify = false } = this.#spec;
    const ca = bundleText(caBundle);
    const wrong = ca === undefined ? undefined : caBundleError(caBundle);
    if (wrong !== undefined) throw new UnusableSpecError(wrong);
    return new (process.getBuiltinModule("node:https").Agent)({
      keepAlive: !this.#isRetired,
      timeout: idleMs,
      checkServerIdentity,
      rejectUnauthorized: !insecureSkipTLSVerify,
      // Without a bundle the machine's own authorities are trusted.
      ...trusting(ca),
      ...(shown === undefined ? {} : { cert: shown.certificate, key: shown.key }),
    });
  }
}

/** What is under way is finished; connections that wait for more end. */
function keepNothing(agent: Agent | undefined): void {
  if (agent === undefined) return;
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}

/** Host and port as a URL shows them. */
export const authority = ({ host, port }: SocketAddress): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

function documentOf(outgoing: ClientRequest, maxBytes: number): Promise<FetchedDocument> {
  return new Promise((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let length = 0;
      incoming.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length <= maxBytes) chunks.push(chunk);
        else outgoing.destroy(new Error(`the answer exceeds ${maxBytes} bytes`));
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        const status = incoming.statusCode ?? 0;
        resolve({ status, headers: singleValues(incoming), body: Buffer.concat(chunks) });
      });
    });
  });
}

/** More than this of an answer that nobody reads is not waited for: the connection ends instead. */
const maxUnread = 256 * 1024;

function codeOf(outgoing: ClientRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming: IncomingMessage) => {
      resolve(incoming.statusCode ?? 0);
      let length = 0;
      incoming.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxUnread) outgoing.destroy();
      });
      // It was cut on purpose.
      incoming.on("error", () => undefined);
    });
  });
}

function singleValues({ headers }: IncomingMessage): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) values[name] = Array.isArray(value) ? value.join(", ") : value;
  return values;
}
