import { createHash } from "node:crypto";
import { foreignThird } from "../../../api/openapi/index.ts";
import type { Clock } from "../../../apimachinery/clock.ts";
import { isObject } from "../../../apimachinery/json.ts";
import type { RemoteApiServer } from "../aggregation.ts";
import { type ForeignSpec, specIn, withPaths } from "./foreign-spec.ts";
import { type Brought, Refreshed } from "./refreshed.ts";
import type { RemoteThird } from "./remote-openapi.ts";
import { thirdOfSecond } from "./third-of-second.ts";

/** Specs may be large and servers slow: they are waited for, but not by those who ask. */
const timeoutMs = 60_000;
const firstPatienceMs = 2_000;
const maxAgeMs = 60_000;
const maxRetryMs = 600_000;
const headers = { accept: "application/json" };

interface Second {
  /** What each version has of the document. Empty while nothing is known, or when the server has none. */
  readonly filtered: ReadonlyMap<RemoteApiServer, ForeignSpec>;
  readonly etag: string | undefined;
  readonly digest: string;
}

interface Third {
  readonly documents: ReadonlyMap<string, RemoteThird>;
  readonly digest: string;
}

const noSecond: Second = { filtered: new Map(), etag: undefined, digest: "" };
const noThird: Third = { documents: new Map(), digest: "" };

/** The OpenAPI documents of one server, and the versions that lead to it. */
export class OpenApiProgram {
  readonly members: readonly RemoteApiServer[];
  readonly #second: Refreshed<Second>;
  readonly #third: Refreshed<Third>;
  #wasAvailable: boolean;

  constructor(members: readonly RemoteApiServer[], clock: Clock) {
    this.members = members;
    this.#wasAvailable = this.#available !== undefined;
    const times = { clock, maxAgeMs, maxRetryMs, firstPatienceMs };
    this.#second = new Refreshed({
      ...times,
      load: (previous) => this.#loadSecond(previous),
      initial: noSecond,
    });
    this.#third = new Refreshed({
      ...times,
      load: (previous) => this.#loadThird(previous),
      initial: noThird,
    });
  }

  /** To be called before it is asked: a server that has come is heard at once. */
  lookAround(): void {
    const isAvailable = this.#available !== undefined;
    if (isAvailable && !this.#wasAvailable) {
      this.#second.expire();
      this.#third.expire();
    }
    this.#wasAvailable = isAvailable;
  }

  second(): Promise<Second> {
    return this.#second.current();
  }

  third(): Promise<Third> {
    return this.#third.current();
  }

  get #available(): RemoteApiServer | undefined {
    return this.members.find(({ isAvailable }) => isAvailable);
  }

  async #loadSecond(previous: Second | undefined): Promise<Brought<Second>> {
    const last = previous ?? noSecond;
    const remote = this.#available;
    if (remote === undefined) return { value: last, isFailure: false };
    try {
      const { etag } = last;
      const asking = etag === undefined ? headers : { ...headers, "if-none-match": etag };
      const answer = await remote.fetch("/openapi/v2", { timeoutMs, headers: asking });
      if (answer.status === 304) return { value: last, isFailure: false };
      // Such a server has no types to tell of.
      if (answer.status === 404) return { value: { ...last, filtered: new Map() }, isFailure: false };
      if (answer.status !== 200) return { value: last, isFailure: true };
      const digest = digestOf(answer.body);
      if (digest === last.digest) return { value: last, isFailure: false };
      const spec = specIn(answer.body.toString());
      const filtered = new Map(this.members.map((member) => [member, ofVersion(spec, member)]));
      return { value: { filtered, etag: answer.headers["etag"], digest }, isFailure: false };
    } catch {
      return { value: last, isFailure: true };
    }
  }

  async #loadThird(previous: Third | undefined): Promise<Brought<Third>> {
    const last = previous ?? noThird;
    const remote = this.#available;
    if (remote === undefined) return { value: last, isFailure: false };
    try {
      const answer = await remote.fetch("/openapi/v3", { timeoutMs, headers });
      if (answer.status === 404) return { value: await this.#converted(last), isFailure: false };
      if (answer.status !== 200) return { value: last, isFailure: true };
      const digest = digestOf(answer.body);
      if (digest === last.digest) return { value: last, isFailure: false };
      return { value: { documents: this.#documentsIn(answer.body.toString()), digest }, isFailure: false };
    } catch {
      return { value: last, isFailure: true };
    }
  }

  /** Those of the versions that are served there; what else the server knows of is this one's to tell. */
  #documentsIn(text: string): Map<string, RemoteThird> {
    const index: unknown = JSON.parse(text);
    const paths = isObject(index) && isObject(index["paths"]) ? index["paths"] : {};
    const found = new Map<string, RemoteThird>();
    for (const remote of this.members) {
      const name = nameOf(remote);
      const { serverRelativeURL: url } = isObject(paths[name]) ? paths[name] : {};
      if (typeof url === "string" && url.startsWith("/")) found.set(name, { url, remote });
    }
    return found;
  }

  async #converted(last: Third): Promise<Third> {
    const { filtered, digest } = await this.second();
    const key = `converted ${digest}`;
    if (last.digest === key) return last;
    const documents = Array.from(filtered, async ([remote, spec]): Promise<[string, RemoteThird]> => {
      return [nameOf(remote), { documents: await foreignThird(thirdOfSecond(spec)) }];
    });
    return { documents: new Map(await Promise.all(documents)), digest: key };
  }
}

const nameOf = ({ group, version }: RemoteApiServer): string => `apis/${group}/${version}`;

const ofVersion = (spec: ForeignSpec, { group, version }: RemoteApiServer): ForeignSpec =>
  withPaths(spec, (path) => path.startsWith(`/apis/${group}/${version}/`));

const digestOf = (body: Buffer): string => createHash("sha256").update(body).digest("base64");
