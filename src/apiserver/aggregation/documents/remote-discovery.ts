import type { Clock } from "../../../apimachinery/clock.ts";
import type { AggregatedVersion, FetchedDocument, RemoteApiServer } from "../aggregation.ts";
import { type Brought, Refreshed } from "./refreshed.ts";
import { resourcesIn, type VersionDiscovery, versionsIn } from "./version-discovery.ts";

const timeoutMs = 5_000;
/** Many times what thousands of resources take. */
const maxBytes = 4 * 1024 * 1024;
const maxAgeMs = 10_000;
const maxRetryMs = 60_000;
const accept = [
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
  "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
].join(",");
const aggregatedType =
  /^application\/json\s*;(?=.*\bg=apidiscovery\.k8s\.io\b)(?=.*\bv=v2(?:beta1)?(?:;|$))(?=.*\bas=APIGroupDiscoveryList\b)/;

/**
 * What other API servers say of their resources, for aggregated discovery. A server is asked once for all of its versions,
 * and version by version if it does not speak aggregated discovery. One that is not available is not asked, and what
 * cannot be learned is stale.
 */
export class RemoteDiscovery {
  readonly #clock: Clock;
  /** By Service. */
  readonly #programs = new Map<string, RemoteProgram>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of each of the versions that another server serves. A version that says the same is the same object. */
  async current(
    versions: readonly AggregatedVersion[],
  ): Promise<ReadonlyMap<RemoteApiServer, VersionDiscovery>> {
    const remotes = versions.map(({ remote }) => remote).filter((remote) => remote !== undefined);
    const byService = Map.groupBy(remotes, ({ service }) => service);
    for (const service of this.#programs.keys()) if (!byService.has(service)) this.#programs.delete(service);
    const documents = Array.from(byService, ([service, members]) => this.#of(service, members).current());
    const found = new Map((await Promise.all(documents)).flatMap((document) => [...document.versions]));
    return found;
  }

  #of(service: string, members: readonly RemoteApiServer[]): RemoteProgram {
    const key = members.filter(({ isAvailable }) => isAvailable);
    let program = this.#programs.get(service);
    if (program === undefined || !program.isOf(members, key)) {
      program = new RemoteProgram(members, key, this.#clock);
      this.#programs.set(service, program);
    }
    return program;
  }
}

interface ProgramDocument {
  readonly versions: ReadonlyMap<RemoteApiServer, VersionDiscovery>;
  /** Of the answer, where the server gave one. */
  readonly etag?: string;
}

/** One server, and the versions that lead to it. */
class RemoteProgram {
  readonly #members: readonly RemoteApiServer[];
  readonly #available: readonly RemoteApiServer[];
  readonly #document: Refreshed<ProgramDocument>;

  constructor(members: readonly RemoteApiServer[], available: readonly RemoteApiServer[], clock: Clock) {
    this.#members = members;
    this.#available = available;
    this.#document = new Refreshed({
      clock,
      load: (previous) => this.#load(previous),
      maxAgeMs,
      maxRetryMs,
      initial: this.#brought(undefined, new Map(), true).value,
      firstPatienceMs: timeoutMs,
    });
  }

  isOf(members: readonly RemoteApiServer[], available: readonly RemoteApiServer[]): boolean {
    return isSame(members, this.#members) && isSame(available, this.#available);
  }

  current(): Promise<ProgramDocument> {
    return this.#document.current();
  }

  async #load(previous: ProgramDocument | undefined): Promise<Brought<ProgramDocument>> {
    const [first] = this.#available;
    if (first === undefined) return this.#brought(previous, new Map(), false);
    try {
      const answer = await first.fetch("/apis", { timeoutMs, maxBytes, headers: askingFor(previous) });
      if (answer.status === 304 && previous !== undefined) return { value: previous, isFailure: false };
      if (answer.status === 503) return this.#brought(previous, new Map(), true);
      const isAggregated = answer.status === 200 && aggregatedType.test(answer.headers["content-type"] ?? "");
      if (!isAggregated) return await this.#loadEach(previous);
      const versions = versionsIn(JSON.parse(answer.body.toString()));
      const found = this.#available.map((remote): [RemoteApiServer, VersionDiscovery] => {
        const resources = versions.get(`${remote.group}/${remote.version}`);
        return [remote, current(remote, resources)];
      });
      return this.#brought(previous, new Map(found), false, answer.headers["etag"]);
    } catch {
      return this.#brought(previous, new Map(), true);
    }
  }

  async #loadEach(previous: ProgramDocument | undefined): Promise<Brought<ProgramDocument>> {
    const answers = this.#available.map(async (remote): Promise<[RemoteApiServer, VersionDiscovery][]> => {
      try {
        const path = `/apis/${remote.group}/${remote.version}`;
        const headers = { accept: "application/json" };
        const answer = await remote.fetch(path, { timeoutMs, maxBytes, headers });
        return [[remote, current(remote, resourcesIn(bodyOf(answer)))]];
      } catch {
        return [];
      }
    });
    const found = (await Promise.all(answers)).flat();
    return this.#brought(previous, new Map(found), found.length < this.#available.length);
  }

  /** What is not among the found is stale. */
  #brought(
    previous: ProgramDocument | undefined,
    found: ReadonlyMap<RemoteApiServer, VersionDiscovery>,
    isFailure: boolean,
    etag?: string,
  ): Brought<ProgramDocument> {
    const versions = this.#members.map((remote): [RemoteApiServer, VersionDiscovery] => {
      const next = found.get(remote) ?? { version: remote.version, freshness: "Stale" };
      const before = previous?.versions.get(remote);
      return [
        remote,
        JSON.stringify(before) === JSON.stringify(next) && before !== undefined ? before : next,
      ];
    });
    return { value: { versions: new Map(versions), ...(etag === undefined ? {} : { etag }) }, isFailure };
  }
}

const askingFor = (previous: ProgramDocument | undefined): Readonly<Record<string, string>> =>
  previous?.etag === undefined ? { accept } : { accept, "if-none-match": previous.etag };

function bodyOf({ status, body }: FetchedDocument): unknown {
  if (status !== 200) throw new Error(`answered ${status}`);
  return JSON.parse(body.toString());
}

const current = (
  { version }: RemoteApiServer,
  resources: VersionDiscovery["resources"],
): VersionDiscovery => ({
  version,
  ...(resources === undefined || resources.length === 0 ? {} : { resources }),
  freshness: "Current",
});

const isSame = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((each, index) => each === b[index]);
