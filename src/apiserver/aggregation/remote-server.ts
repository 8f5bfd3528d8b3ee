import type { APIService, APIServiceSpec } from "../../api/types/apiregistration-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { RequestHeaderNames } from "../authentication/request-header.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { FetchedDocument, FetchOptions, RemoteApiServer } from "./aggregation.ts";
import { availability } from "./api-service.ts";
import type { RemoteTransport } from "./remote-transport.ts";

/** In PEM; the key is a secret. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface RemoteServerOptions {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly clientCertificate: (() => ClientCertificate) | undefined;
  /** See AggregationOptions. */
  readonly userHeaders: RequestHeaderNames | undefined;
  /** Aborts when this server stops, and with it all that it has passed on. */
  readonly stopped: AbortSignal;
}

/** What an APIService with a Service leads to. What speaks with it is loaded when it is first asked. */
export class RemoteServer implements RemoteApiServer {
  readonly name: string;
  readonly spec: APIServiceSpec;
  readonly #options: RemoteServerOptions;
  #isAvailable: boolean;
  #transport: Promise<RemoteTransport> | undefined;
  #isRetired = false;

  constructor(apiService: APIService, options: RemoteServerOptions) {
    this.name = apiService.metadata.name ?? "";
    this.spec = apiService.spec;
    this.#isAvailable = availability(apiService)?.status === "True";
    this.#options = options;
  }

  get group(): string {
    return this.spec.group ?? "";
  }

  get version(): string {
    return this.spec.version ?? "";
  }

  get service(): string {
    const { namespace = "", name = "", port = 443 } = this.spec.service ?? {};
    return `${namespace}/${name}:${port}`;
  }

  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  /** Takes over what an object of equal spec says of its availability; answers whether that is another one. */
  become(apiService: APIService): boolean {
    const was = this.#isAvailable;
    this.#isAvailable = availability(apiService)?.status === "True";
    return this.#isAvailable !== was;
  }

  async fetch(path: string, options: FetchOptions): Promise<FetchedDocument> {
    return (await this.transport()).fetch(path, options);
  }

  transport(): Promise<RemoteTransport> {
    this.#transport ??= import("./remote-transport.ts").then(({ RemoteTransport }) => {
      const transport = new RemoteTransport(this.spec, this.#options);
      if (this.#isRetired) transport.retire();
      return transport;
    });
    return this.#transport;
  }

  /** Another one has taken its place, or none: its requests are finished, its connections are not kept. */
  retire(): void {
    this.#isRetired = true;
    void this.#transport?.then((transport) => transport.retire());
  }
}
