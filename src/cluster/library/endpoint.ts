import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, VirtualClock } from "../../apimachinery/clock.ts";
import { writeContext } from "../../client/kubeconfig.ts";
import type { ClusterServer } from "./cluster-server.ts";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.ts";

/** Where programs of other languages reach a cluster. */
export interface Endpoint {
  readonly url: string;
  /** The path of a kubeconfig for the administrator; written anew when his certificate is renewed. */
  readonly kubeconfig: string;
  /** What stands in it. */
  readonly text: string;
}

/** Clients over sockets answer within this much of real time, or virtual time goes on without them. */
const realPauseMs = 5;

/** A cluster's open port, and the kubeconfig for it in a folder that goes with the cluster. */
export class ClusterEndpoint {
  readonly #server: ClusterServer;
  readonly #clock: Clock;
  #folder: string | undefined;
  #opened: Promise<Endpoint> | undefined;
  #endpoint: Endpoint | undefined;

  constructor(server: ClusterServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /** Opens it, once, however often it is called. */
  async open(): Promise<Endpoint> {
    this.#opened ??= this.#open();
    return await this.#opened;
  }

  /** Whoever reads the kubeconfig from now on is known for another year. */
  renew(): void {
    if (this.#endpoint === undefined || this.#folder === undefined) return;
    this.#endpoint = this.#write(this.#folder, this.#endpoint.url);
    this.#opened = Promise.resolve(this.#endpoint);
  }

  /** Resolves when nothing is being opened any more. */
  async settled(): Promise<void> {
    await this.#opened?.catch(() => undefined);
  }

  /** Takes the folder away. */
  remove(): void {
    if (this.#folder !== undefined) removeOwnFolder(this.#folder);
    this.#folder = undefined;
  }

  async #open(): Promise<Endpoint> {
    const port = await this.#server.listen();
    if (this.#clock instanceof VirtualClock) this.#clock.waitForOthers(realPauseMs);
    this.#folder = await makeOwnFolder();
    this.#endpoint = this.#write(this.#folder, `https://127.0.0.1:${port}`);
    return this.#endpoint;
  }

  /** In place of one that is there. */
  #write(folder: string, url: string): Endpoint {
    const kubeconfig = join(folder, "kubeconfig");
    const { authority, admin } = this.#server.cluster.pki;
    writeContext(kubeconfig, {
      name: "sampan",
      server: url,
      ca: authority.certificate,
      clientCertificate: admin.certificate,
      clientKey: admin.key,
    });
    return { url, kubeconfig, text: readFileSync(kubeconfig, "utf8") };
  }
}
