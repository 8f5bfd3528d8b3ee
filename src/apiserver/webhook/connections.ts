import type { Agent } from "node:https";
import type { Duplex } from "node:stream";
import type { ConnectionOptions, SecureContextOptions, TLSSocket } from "node:tls";
import { trusting } from "../../apimachinery/trust.ts";
import { caBundleError } from "./ca-bundle.ts";
import { answerLimit, CallAborted, type HttpAnswer } from "./http-answer.ts";
import { callHttp1 } from "./http1-call.ts";
import { callHttp2, Http2Connections, SessionGone } from "./http2-connections.ts";
import { checkServerIdentity } from "./server-identity.ts";
import type { SocketAddress } from "./service-endpoints.ts";
import { isAddress } from "./target.ts";

/** A call of one address. */
export interface Call extends SocketAddress {
  readonly authority: string;
  readonly path: string;
  /** The name that the certificate must be for. */
  readonly serverName: string;
  /** The trusted authorities in base64; empty for those of the machine. */
  readonly caBundle: string;
  /** Whether HTTP/2 is spoken with those who can. */
  readonly mayMultiplex: boolean;
}

/** Nobody can be asked with what the configuration says. */
export class UnusableConfiguration extends Error {}

/** Connections of this many bundles of authorities are kept, as in kube-apiserver. */
const maxAgents = 200;
/** Kept to one webhook while nobody needs them, as in client-go. */
const maxFreeSockets = 25;

const headers = {
  accept: "application/json, */*",
  "accept-encoding": "gzip",
  "content-type": "application/json",
  "user-agent": "kube-apiserver-admission",
};

/** The connections to webhooks. They are kept and shared by calls of equal trust, and end when they have been idle. */
export class Connections {
  readonly #idleMs: number;
  /** By trusted authorities; the one used last comes last. */
  readonly #agents = new Map<string, Agent>();
  readonly #multiplexed: Http2Connections;
  /** Connections that turned out to speak HTTP/1.1, for the agent's next call of the same address. */
  readonly #spare = new Map<string, TLSSocket>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
    this.#multiplexed = new Http2Connections(idleMs);
  }

  /** Rejects with UnusableConfiguration, CallAborted, BrokenAnswer, or what Node says of the connection. */
  async send(call: Call, body: Buffer, signal: AbortSignal): Promise<HttpAnswer> {
    const agent = this.#agent(call.caBundle);
    const multiplexed = call.mayMultiplex ? await this.#sendMultiplexed(call, body, signal) : undefined;
    if (multiplexed !== undefined) return multiplexed;
    const { host, port, path, authority } = call;
    const options = {
      method: "POST",
      host,
      port,
      path,
      ...serverNameOption(call),
      headers: { ...headers, host: authority, "content-length": String(body.length) },
      agent,
    };
    return await callHttp1(options, body, answerLimit(body.length), signal);
  }

  /** Ends the idle connections; those in use end with their calls. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
    this.#multiplexed.close();
    for (const socket of this.#spare.values()) socket.destroy();
    this.#spare.clear();
  }

  /** Undefined when the webhook speaks HTTP/1.1. */
  async #sendMultiplexed(call: Call, body: Buffer, signal: AbortSignal): Promise<HttpAnswer | undefined> {
    const { host, port, authority, caBundle } = call;
    const key = `${host}:${port} ${caBundle}`;
    const options = { host, port, ...serverNameOption(call), ...trustOptions(caBundle) };
    for (let attempt = 1; ; attempt++) {
      const connecting = this.#multiplexed.session(key, authority, options, (socket) =>
        this.#keep(call, socket),
      );
      const session = await unlessAborted(connecting, signal);
      if (session === undefined) return undefined;
      try {
        const request = { authority, path: call.path, headers };
        return await callHttp2(session, request, body, answerLimit(body.length), signal);
      } catch (error) {
        if (!(error instanceof SessionGone)) throw error;
        this.#multiplexed.forget(key);
        if (attempt > 1) throw error.cause;
      }
    }
  }

  #keep(call: Call, socket: TLSSocket): void {
    const key = `${call.host}:${call.port} ${call.caBundle}`;
    this.#spare.set(key, socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#spare.get(key) === socket) this.#spare.delete(key);
    });
  }

  #agent(caBundle: string): Agent {
    let agent = this.#agents.get(caBundle);
    if (agent === undefined) agent = this.#newAgent(caBundle);
    else this.#agents.delete(caBundle);
    this.#agents.set(caBundle, agent);
    const [oldest] = this.#agents.keys();
    if (this.#agents.size > maxAgents && oldest !== undefined) {
      this.#agents.get(oldest)?.destroy();
      this.#agents.delete(oldest);
    }
    return agent;
  }

  #newAgent(caBundle: string): Agent {
    const wrong = caBundle === "" ? undefined : caBundleError(caBundle);
    if (wrong !== undefined) throw new UnusableConfiguration(wrong);
    const { Agent: HttpsAgent } = process.getBuiltinModule("node:https");
    const spare = this.#spare;
    class WebhookAgent extends HttpsAgent {
      override createConnection(
        ...parameters: Parameters<Agent["createConnection"]>
      ): Duplex | null | undefined {
        const [{ host, port }] = parameters;
        const key = `${host}:${port} ${caBundle}`;
        const socket = spare.get(key);
        spare.delete(key);
        return socket ?? super.createConnection(...parameters);
      }
    }
    return new WebhookAgent({
      keepAlive: true,
      maxFreeSockets,
      timeout: this.#idleMs,
      ...trustOptions(caBundle),
    });
  }
}

const serverNameOption = ({ serverName }: Call): { servername?: string } =>
  isAddress(serverName) ? {} : { servername: serverName };

/** Without a bundle the machine's own authorities are trusted. */
const trustOptions = (
  caBundle: string,
): SecureContextOptions & Pick<ConnectionOptions, "checkServerIdentity"> => ({
  checkServerIdentity,
  ...trusting(caBundle === "" ? undefined : Buffer.from(caBundle, "base64")),
});

/** Others may wait for the same connection: it is left alone. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new CallAborted(false));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
