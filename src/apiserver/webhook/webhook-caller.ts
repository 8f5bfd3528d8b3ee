import type { Agent, RequestOptions } from "node:https";
import type { PeerCertificate } from "node:tls";
import type { WebhookClientConfig } from "../../api/types/admissionregistration-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Random } from "../../apimachinery/random.ts";
import { newStatusError, type StatusError } from "../../apimachinery/status.ts";
import { errorOfAnswer } from "../../client/server-answer.ts";
import type { ObjectReader } from "../object-reader.ts";
import { describeNetworkFailure, namesOf } from "./network-failure.ts";
import { type SocketAddress, serviceAddresses } from "./service-endpoints.ts";

export interface WebhookCallerOptions {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
}

export interface WebhookCallOptions {
  readonly timeoutMs: number;
  /** Of the request on whose behalf the webhook is asked. */
  readonly signal?: AbortSignal | undefined;
}

/** A webhook did not give an answer. The message is what Kubernetes writes behind `failed to call webhook: `. */
export class WebhookCallError extends Error {
  override readonly name = "WebhookCallError";
  /** The webhook answered with an error of its own. */
  readonly answer: StatusError | undefined;

  constructor(message: string, options: { readonly cause?: unknown; readonly answer?: StatusError } = {}) {
    super(message, { cause: options.cause });
    this.answer = options.answer;
  }
}

/** An answer holds an object and a patch of it at most; what sends more must not fill the memory. */
const maxAnswerBytes = 16 * 1024 * 1024;
/** Connections of this many webhooks are kept, as in kube-apiserver. */
const maxAgents = 200;
/** Idle connections end after this time, before most servers end them on their side. */
const idleMs = 30_000;

/** Loaded when first used: most clusters have no webhooks. */
const https = (): typeof import("node:https") => process.getBuiltinModule("node:https");

interface Target {
  /** Host and port as the configuration names them; errors show them so. */
  readonly authority: string;
  readonly path: string;
  readonly serverName: string;
  readonly addresses: readonly SocketAddress[];
}

/**
 * Posts JSON to webhooks: admission, conversion. Connections are kept and shared between calls of equal configuration.
 * Redirects are not followed: what a configuration names is whom it trusts.
 */
export class WebhookCaller {
  readonly #options: WebhookCallerOptions;
  /** By trusted authorities; the one used last comes last. */
  readonly #agents = new Map<string, Agent>();

  constructor(options: WebhookCallerOptions) {
    this.#options = options;
  }

  /** Resolves with the JSON value of the answer; rejects with WebhookCallError. */
  async post(config: WebhookClientConfig, body: unknown, options: WebhookCallOptions): Promise<unknown> {
    const { clock } = this.#options;
    const place = placeOf(config);
    // The webhook is told the time it has.
    const path = `${place.path}?timeout=${Math.ceil(options.timeoutMs / 1000)}s`;
    const failed = (why: string, cause?: unknown): WebhookCallError =>
      new WebhookCallError(`Post "https://${place.authority}${path}": ${why}`, { cause });
    const { authority, host: serverName } = place;
    const target = { authority, path, serverName, addresses: this.#resolve(config, place, failed) };
    const deadline = new AbortController();
    const timer = clock.after(options.timeoutMs, () => deadline.abort());
    const signal =
      options.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, options.signal]);
    try {
      return await this.#postTo(target, config, Buffer.from(JSON.stringify(body)), signal, failed);
    } catch (error) {
      if (deadline.signal.aborted) throw failed("context deadline exceeded", error);
      if (options.signal?.aborted === true) throw failed("context canceled", error);
      throw error;
    } finally {
      timer.stop();
    }
  }

  /** Ends the idle connections; those in use end with their calls. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #resolve(
    { service }: WebhookClientConfig,
    { host, port }: SocketAddress,
    failed: (why: string, cause?: unknown) => WebhookCallError,
  ): SocketAddress[] {
    if (service === undefined) return [{ host, port }];
    const { reader, random } = this.#options;
    try {
      return serviceAddresses(reader, random, { ...service, port });
    } catch (error) {
      throw failed(error instanceof Error ? error.message : String(error), error);
    }
  }

  async #postTo(
    target: Target,
    config: WebhookClientConfig,
    body: Buffer,
    signal: AbortSignal,
    failed: (why: string, cause?: unknown) => WebhookCallError,
  ): Promise<unknown> {
    const agent = this.#agent(config.caBundle ?? "");
    for (const [index, address] of target.addresses.entries()) {
      try {
        return await postOnce({ ...target, ...address }, agent, body, signal);
      } catch (error) {
        if (error instanceof WebhookCallError) throw error;
        // Nobody has heard a word yet, so another one may be asked.
        const mayTryNext = isRefused(error) && index + 1 < target.addresses.length && !signal.aborted;
        if (mayTryNext) continue;
        const destination = { ...address, serverName: target.serverName };
        throw failed(describeNetworkFailure(error, destination, this.#options.clock.now()), error);
      }
    }
    throw failed("no address to connect to");
  }

  #agent(caBundle: string): Agent {
    let agent = this.#agents.get(caBundle);
    if (agent === undefined) {
      agent = new (https().Agent)({
        keepAlive: true,
        timeout: idleMs,
        checkServerIdentity,
        // Without a bundle the machine's own authorities are trusted.
        ...(caBundle === "" ? {} : { ca: Buffer.from(caBundle, "base64") }),
      });
    } else this.#agents.delete(caBundle);
    this.#agents.set(caBundle, agent);
    const [oldest] = this.#agents.keys();
    if (this.#agents.size > maxAgents && oldest !== undefined) {
      this.#agents.get(oldest)?.destroy();
      this.#agents.delete(oldest);
    }
    return agent;
  }
}

/** What a configuration names: where to, and which path. */
interface Place extends SocketAddress {
  readonly authority: string;
  readonly path: string;
}

function placeOf({ url, service }: WebhookClientConfig): Place {
  if (service === undefined) return placeOfUrl(url ?? "");
  const { namespace, name, port = 443, path = "" } = service;
  const host = `${name}.${namespace}.svc`;
  return { host, port, authority: `${host}:${port}`, path: path.startsWith("/") ? path : `/${path}` };
}

function placeOfUrl(text: string): Place {
  if (text === "") throw new WebhookCallError("webhook configuration must have either service or URL");
  if (!URL.canParse(text)) throw new WebhookCallError(`Unparsable URL: ${text}`);
  const { hostname, port, host, pathname } = new URL(text);
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? 443 : Number(port),
    authority: host,
    path: pathname,
  };
}

/** Names are read from the SANs alone, as Go does; Node would believe a common name. */
function checkServerIdentity(hostname: string, certificate: PeerCertificate): Error | undefined {
  const { checkServerIdentity: check } = process.getBuiltinModule("node:tls");
  if (namesOf(certificate.subjectaltname).length > 0) return check(hostname, certificate);
  return Object.assign(new Error("the certificate names nobody"), {
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
    cert: certificate,
  });
}

function isRefused(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "ECONNREFUSED" || error.code === "EHOSTUNREACH")
  );
}

async function postOnce(
  { authority, path, serverName, host, port }: Target & SocketAddress,
  agent: Agent,
  body: Buffer,
  signal: AbortSignal,
): Promise<unknown> {
  const options: RequestOptions = {
    method: "POST",
    host,
    port,
    path,
    // Addresses cannot be asked for by name; their certificates carry them as they are.
    ...(isAddress(serverName) ? {} : { servername: serverName }),
    headers: {
      Host: authority,
      Accept: "application/json, */*",
      "Content-Type": "application/json",
      "Content-Length": String(body.length),
      "User-Agent": "kube-apiserver-admission",
    },
    agent,
    signal,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return await exchange(options, body);
    } catch (error) {
      // A kept connection that the webhook ended in this moment says nothing about the webhook.
      if (!(error instanceof StaleConnection) || attempt > 1)
        throw error instanceof StaleConnection ? error.cause : error;
    }
  }
}

const isAddress = (name: string): boolean => name.includes(":") || /^[\d.]+$/.test(name);

class StaleConnection extends Error {}

function exchange(options: RequestOptions, body: Buffer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = https().request(options, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        chunks.push(chunk);
        if (length <= maxAnswerBytes) return;
        chunks.length = 0;
        request.destroy(new WebhookCallError(`the answer of the webhook exceeds ${maxAnswerBytes} bytes`));
      });
      response.on("error", reject);
      response.on("end", () => {
        try {
          resolve(valueOf(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8")));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(isStale ? new StaleConnection("", { cause: error }) : error);
    });
    request.end(body);
  });
}

function valueOf(code: number, text: string): unknown {
  if (code >= 400) {
    const answer = errorOfAnswer(code, text);
    throw new WebhookCallError(answer.message, { answer });
  }
  if (code < 200 || code > 206) {
    const message = `the server responded with the status code ${code} but did not return more information`;
    throw new WebhookCallError(message, { answer: newStatusError(code, "", message) });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new WebhookCallError(`couldn't get version/kind; json parse error: ${why}`, { cause: error });
  }
}
