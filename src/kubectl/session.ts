import { readFileSync, statSync } from "node:fs";
import { type Clock, RealClock } from "../apimachinery/clock.ts";
import { type Random, SystemRandom } from "../apimachinery/random.ts";
import type { Transport } from "../apimachinery/transport.ts";
import { HttpsTransport, type HttpsTransportOptions } from "../client/https-transport.ts";
import {
  inClusterConfig,
  type Kubeconfig,
  KubeconfigError,
  kubeconfigPaths,
  loadKubeconfig,
  resolveContext,
} from "../client/kubeconfig.ts";
import { Api } from "./api.ts";
import { KubectlError, PlainError } from "./errors.ts";
import type { FlagSpecs, Flags } from "./flags.ts";
import type { KubectlIo } from "./io.ts";
import { RestMapper } from "./rest-mapper.ts";
import { parseRequestTimeoutMs, TimedTransport } from "./timed-transport.ts";

/** The flags that every command knows. Those without a meaning here are accepted, as scripts give them. */
export const globalFlags: FlagSpecs = {
  kubeconfig: { type: "string", help: "path to the kubeconfig file" },
  context: { type: "string", help: "the kubeconfig context to use" },
  cluster: { type: "string", help: "the kubeconfig cluster to use" },
  user: { type: "string", help: "the kubeconfig user to use" },
  namespace: { type: "string", short: "n", help: "the namespace of the request" },
  server: { type: "string", short: "s", help: "address of the API server" },
  token: { type: "string", help: "bearer token for the API server" },
  username: { type: "string", help: "user name for basic authentication" },
  password: { type: "string", help: "password for basic authentication" },
  as: { type: "string", help: "user to impersonate" },
  "as-group": { type: "array", help: "group to impersonate; may be repeated" },
  "as-uid": { type: "string", help: "UID to impersonate" },
  "certificate-authority": { type: "string", help: "file with the authorities to trust" },
  "client-certificate": { type: "string", help: "file with the client certificate" },
  "client-key": { type: "string", help: "file with the client key" },
  "tls-server-name": { type: "string", help: "name in the server's certificate" },
  "insecure-skip-tls-verify": { type: "bool", help: "do not check the server's certificate" },
  "request-timeout": { type: "string", default: "0", help: "how long to wait for one answer" },
  "cache-dir": { type: "string", help: "accepted; nothing is cached" },
  "disable-compression": { type: "bool", help: "accepted; nothing is compressed" },
  "match-server-version": { type: "bool", help: "accepted" },
  "warnings-as-errors": { type: "bool", help: "end with 1 when the server warns" },
  kuberc: { type: "string", help: "accepted; preferences are not read" },
  profile: { type: "string", default: "none", help: "accepted" },
  "profile-output": { type: "string", default: "profile.pprof", help: "accepted" },
  v: { type: "string", short: "v", default: "0", optional: "0", help: "accepted" },
  vmodule: { type: "string", help: "accepted" },
  "log-flush-frequency": { type: "duration", default: 5000, help: "accepted" },
};

export interface SessionOptions {
  readonly io: KubectlIo;
  readonly flags: Flags;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Instead of the one that the kubeconfig describes. */
  readonly transport?: Transport;
}

/** What a command shares with no other: configuration, connection and discovery, each made when first used. */
export class Session {
  readonly clock: Clock;
  readonly random: Random;
  readonly io: KubectlIo;
  readonly #flags: Flags;
  readonly #given: Transport | undefined;
  #config: Kubeconfig | undefined;
  #https: HttpsTransport | undefined;
  #transport: Transport | undefined;
  #api: Api | undefined;
  #mapper: RestMapper | undefined;

  constructor({ io, flags, clock, random, transport }: SessionOptions) {
    this.io = io;
    this.#flags = flags;
    this.clock = clock ?? new RealClock();
    this.random = random ?? new SystemRandom();
    this.#given = transport;
  }

  get transport(): Transport {
    this.#transport ??= this.#inTime(this.#given ?? this.#connected());
    return this.#transport;
  }

  #connected(): Transport {
    this.#https = new HttpsTransport({ ...this.#connection(), clock: this.clock });
    return this.#https;
  }

  #inTime(transport: Transport): Transport {
    const timeoutMs = parseRequestTimeoutMs(this.#flags.string("request-timeout"));
    return timeoutMs <= 0 ? transport : new TimedTransport(transport, timeoutMs, this.clock);
  }

  get api(): Api {
    this.#api ??= new Api(this.transport, (text) => {
      this.warningCount++;
      this.warn(text);
    });
    return this.#api;
  }

  get mapper(): RestMapper {
    this.#mapper ??= new RestMapper(this.transport);
    return this.#mapper;
  }

  get config(): Kubeconfig {
    this.#config ??= loadKubeconfig(this.configPaths);
    return this.#config;
  }

  /** The kubeconfig files in use. One that is named by the flag must exist. */
  get configPaths(): string[] {
    const given = this.#flags.string("kubeconfig");
    return given === "" ? kubeconfigPaths(this.io.environment) : [given];
  }

  /** The API server's address. */
  get server(): string {
    return this.#given === undefined ? this.#connection().server : "https://test";
  }

  /** Of the flag, else of the context, else `default`. */
  get namespace(): string {
    const given = this.#flags.string("namespace");
    if (given !== "") return given;
    const context = this.config.contexts.get(this.contextName);
    if (context === undefined && this.config.clusters.size === 0) {
      return inClusterConfig(this.io.environment)?.namespace ?? "default";
    }
    const namespace = context?.namespace ?? "";
    return namespace === "" ? "default" : namespace;
  }

  /** Whether the namespace was named on the command line: then objects may not name another. */
  get namespaceGiven(): boolean {
    return this.#flags.string("namespace") !== "";
  }

  get contextName(): string {
    const given = this.#flags.string("context");
    return given === "" ? this.config.currentContext : given;
  }

  /** Warnings that the server sent count as failures. */
  get failsOnWarnings(): boolean {
    return this.#flags.bool("warnings-as-errors");
  }

  warningCount = 0;
  readonly #warned = new Set<string>();

  /** Each warning is printed once. */
  warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.io.err(`Warning: ${text}\n`);
  }

  close(): void {
    this.#https?.close();
  }

  #connection(): HttpsTransportOptions {
    return { ...this.#fromConfig(), ...this.#fromFlags(), userAgent: "kubectl/v1.36.0 (sampan)" };
  }

  #fromConfig(): HttpsTransportOptions {
    const flag = (name: string): string | undefined => {
      const value = this.#flags.string(name);
      return value === "" ? undefined : value;
    };
    const choice = {
      ...(flag("context") === undefined ? {} : { context: this.#flags.string("context") }),
      ...(flag("cluster") === undefined ? {} : { cluster: this.#flags.string("cluster") }),
      ...(flag("user") === undefined ? {} : { user: this.#flags.string("user") }),
    };
    const server = flag("server");
    const given = flag("kubeconfig");
    const { config } = this;
    if (given !== undefined && statSync(given, { throwIfNoEntry: false }) === undefined) {
      throw new KubectlError(`stat ${given}: no such file or directory`);
    }
    if (config.contexts.size === 0 && config.clusters.size === 0 && flag("context") === undefined) {
      const inCluster = inClusterConfig(this.io.environment);
      if (inCluster !== undefined && server === undefined) return inCluster.transport;
      return { server: server ?? "http://localhost:8080" };
    }
    try {
      return resolveContext(config, choice).transport;
    } catch (error) {
      if (!(error instanceof KubeconfigError)) throw error;
      if (server !== undefined && flag("context") === undefined) return { server };
      if (error.message === "current-context is not set") return { server: "http://localhost:8080" };
      throw configurationError(error);
    }
  }

  #fromFlags(): Partial<HttpsTransportOptions> {
    const flags = this.#flags;
    const read = (name: string): string => readFileSync(flags.string(name), "utf8");
    const server = flags.string("server");
    const groups = flags.list("as-group");
    const uid = flags.string("as-uid");
    return {
      ...(server === "" ? {} : { server: server.includes("://") ? server : `http://${server}` }),
      ...(flags.string("token") === "" ? {} : { token: flags.string("token") }),
      ...(flags.string("username") === "" ? {} : { username: flags.string("username") }),
      ...(flags.string("password") === "" ? {} : { password: flags.string("password") }),
      ...(flags.string("certificate-authority") === "" ? {} : { ca: read("certificate-authority") }),
      ...(flags.string("client-certificate") === "" ? {} : { clientCertificate: read("client-certificate") }),
      ...(flags.string("client-key") === "" ? {} : { clientKey: read("client-key") }),
      ...(flags.string("tls-server-name") === "" ? {} : { tlsServerName: flags.string("tls-server-name") }),
      ...(flags.bool("insecure-skip-tls-verify") ? { insecureSkipTlsVerify: true } : {}),
      ...(flags.string("as") === ""
        ? {}
        : {
            impersonate: {
              user: flags.string("as"),
              ...(groups.length === 0 ? {} : { groups }),
              ...(uid === "" ? {} : { uid }),
            },
          }),
    };
  }
}

/** kubectl's words for what client-go finds wrong. */
function configurationError({ message }: KubeconfigError): Error {
  const [, what = "", name = ""] = /^(context|cluster|auth info) "(.*)" does not exist$/.exec(message) ?? [];
  if (what === "context") {
    return new PlainError(`Error in configuration: context was not found for specified context: ${name}`);
  }
  if (what === "cluster") return new KubectlError(`no server found for cluster ${JSON.stringify(name)}`);
  return new KubectlError(message);
}
