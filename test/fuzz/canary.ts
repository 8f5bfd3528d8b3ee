import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Address } from "./client/http1-client.ts";

interface SeenObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

const collection = "/api/v1/namespaces/canary/configmaps";

/**
 * Two watches that live through the whole run: of a namespace that only the canary writes to, whose events must come one
 * by one and in order, and of all ConfigMaps, whose end must equal the list.
 */
export class Canary {
  readonly #session: ClientHttp2Session;
  readonly #faults: string[] = [];
  readonly #all = new Map<string, string>();
  readonly #own = new Map<string, string>();
  #written = 0;
  #seen = 0;
  #lastRevision = 0;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor({ port, ca }: Address) {
    this.#session = connect(`https://127.0.0.1:${port}`, { ca });
    this.#session.on("error", (error) => this.#faults.push(`the canary's connection: ${error.message}`));
  }

  static async start(address: Address): Promise<Canary> {
    const canary = new Canary(address);
    await canary.#ask("POST", "/api/v1/namespaces", { metadata: { name: "canary" } });
    canary.#watch("/api/v1/configmaps", (type, object) => canary.#follow(canary.#all, type, object));
    canary.#watch(collection, (type, object) => canary.#onOwn(type, object));
    return canary;
  }

  /** Writes once more; one after the other, so that the events have one right order. */
  touch(): void {
    this.#queue = this.#queue.then(() => this.#write());
  }

  async #write(): Promise<void> {
    const n = ++this.#written;
    const name = `c-${n % 5}`;
    const object = { metadata: { name, labels: { n: String(n) } }, data: { n: String(n) } };
    const isThere = n > 5;
    const { status, text } = isThere
      ? await this.#ask("PUT", `${collection}/${name}`, object)
      : await this.#ask("POST", collection, object);
    if (status >= 300) this.#faults.push(`the canary's write ${n} failed with ${status}: ${text}`);
  }

  /** What is wrong, once the watches have come to the present. */
  async finish(): Promise<readonly string[]> {
    this.touch();
    await this.#queue;
    for (let wait = 0; wait < 100 && this.#seen < this.#written; wait++) await sleep(50);
    if (this.#seen !== this.#written) this.#faults.push(`saw ${this.#seen} of ${this.#written} writes`);
    await this.#compare("/api/v1/configmaps", this.#all);
    await this.#compare(collection, this.#own);
    this.#session.destroy();
    return this.#faults;
  }

  async #compare(path: string, seen: ReadonlyMap<string, string>): Promise<void> {
    let why = "";
    for (let attempt = 0; attempt < 40; attempt++) {
      const { text } = await this.#ask("GET", path);
      const { items } = JSON.parse(text) as { items: SeenObject[] };
      const listed = new Map(items.map((item) => [keyOf(item), item.metadata.resourceVersion]));
      const differing = [...new Set([...listed.keys(), ...seen.keys()])].filter(
        (key) => listed.get(key) !== seen.get(key),
      );
      if (differing.length === 0) return;
      why = `the watch of ${path} ended in another state than the list: ${differing.slice(0, 5).join()}`;
      await sleep(50);
    }
    this.#faults.push(why);
  }

  #onOwn(type: string, object: SeenObject): void {
    // Controllers put the certificate of the authority there.
    if (object.data?.["n"] !== undefined) {
      this.#seen++;
      if (object.data["n"] !== String(this.#seen)) {
        this.#faults.push(`event ${this.#seen} of the canary is of write ${object.data["n"]}`);
      }
    }
    const revision = Number(object.metadata.resourceVersion);
    if (type !== "BOOKMARK" && revision <= this.#lastRevision) {
      this.#faults.push(`revision ${revision} after ${this.#lastRevision}`);
    }
    this.#lastRevision = revision;
    this.#follow(this.#own, type, object);
  }

  #follow(seen: Map<string, string>, type: string, object: SeenObject): void {
    if (type === "DELETED") seen.delete(keyOf(object));
    else if (type === "ADDED" || type === "MODIFIED")
      seen.set(keyOf(object), object.metadata.resourceVersion);
    else if (type === "ERROR") this.#faults.push(`a watch of the canary failed: ${JSON.stringify(object)}`);
  }

  #watch(path: string, onEvent: (type: string, object: SeenObject) => void): void {
    const stream = this.#open("GET", `${path}?watch=1&timeoutSeconds=86400`);
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { type, object } = JSON.parse(line) as { type: string; object: SeenObject };
        onEvent(type, object);
      }
    });
    stream.on("end", () => this.#faults.push(`the canary's watch of ${path} ended`));
  }

  #open(method: string, path: string): ClientHttp2Stream {
    const headers = { ":method": method, ":path": path, authorization: "Bearer admin" };
    const stream = this.#session.request(headers, { endStream: method === "GET" });
    stream.on("error", () => undefined);
    return stream;
  }

  #ask(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    return new Promise((resolve) => {
      const stream = this.#open(method, path);
      let text = "";
      let status = 0;
      stream.setEncoding("utf8");
      stream.on("response", (headers) => {
        status = Number(headers[":status"]);
      });
      stream.on("data", (part: string) => {
        text += part;
      });
      stream.on("close", () => resolve({ status, text }));
      if (body !== undefined) stream.end(JSON.stringify(body));
    });
  }
}

const keyOf = ({ metadata }: SeenObject): string => `${metadata.namespace}/${metadata.name}`;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
