import type { ForeignPart, JoinedDocument, OpenApiForm, OwnContent } from "../../../api/openapi/index.ts";
import type { Clock } from "../../../apimachinery/clock.ts";
import type { AggregatedVersion, RemoteApiServer } from "../aggregation.ts";
import type { ForeignSpec } from "./foreign-spec.ts";
import { foreignPart } from "./merge-openapi.ts";
import { OpenApiProgram } from "./openapi-program.ts";

/** Where a document of version 3 is to be had: from the server itself, or made here for one that has none. */
export type RemoteThird =
  | { readonly url: string; readonly remote: RemoteApiServer }
  | { readonly documents: Readonly<Record<OpenApiForm, JoinedDocument>> };

/**
 * What other API servers say of their types. A server is asked when somebody wants OpenAPI, once for all of its versions;
 * what it said last stands while it cannot be reached.
 */
export class RemoteOpenApi {
  readonly #clock: Clock;
  /** By Service. */
  readonly #programs = new Map<string, OpenApiProgram>();
  #merged:
    | { readonly own: object; readonly specs: readonly ForeignSpec[]; readonly part: Promise<ForeignPart> }
    | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What they add to the document of version 2; undefined for nothing. The same object while all say the same. */
  async second(
    versions: readonly AggregatedVersion[],
    own: { ownV2(): Promise<OwnContent> },
  ): Promise<ForeignPart | undefined> {
    const programs = this.#programsOf(versions);
    const known = await Promise.all([...new Set(programs.values())].map((program) => program.second()));
    const specs = [...programs.keys()].flatMap((remote) => {
      const spec = known.map(({ filtered }) => filtered.get(remote)).find((each) => each !== undefined);
      return spec === undefined ? [] : [spec];
    });
    if (specs.length === 0) return undefined;
    const merged = this.#merged;
    if (merged !== undefined && merged.own === own && isSame(merged.specs, specs)) return merged.part;
    const part = own.ownV2().then((content) => foreignPart(content, specs));
    this.#merged = { own, specs, part };
    return part;
  }

  /** Their documents of version 3, by name: `apis/wardle.example.com/v1alpha1`. */
  async third(versions: readonly AggregatedVersion[]): Promise<ReadonlyMap<string, RemoteThird>> {
    const programs = [...new Set(this.#programsOf(versions).values())];
    const found = await Promise.all(programs.map((program) => program.third()));
    return new Map(found.flatMap(({ documents }) => [...documents]));
  }

  /** In the order of the versions. */
  #programsOf(versions: readonly AggregatedVersion[]): Map<RemoteApiServer, OpenApiProgram> {
    const remotes = versions.map(({ remote }) => remote).filter((remote) => remote !== undefined);
    const byService = Map.groupBy(remotes, ({ service }) => service);
    for (const service of this.#programs.keys()) if (!byService.has(service)) this.#programs.delete(service);
    const programs = new Map<string, OpenApiProgram>();
    for (const [service, members] of byService) programs.set(service, this.#of(service, members));
    const found = new Map<RemoteApiServer, OpenApiProgram>();
    for (const remote of remotes) {
      const program = programs.get(remote.service);
      if (program !== undefined) found.set(remote, program);
    }
    return found;
  }

  #of(service: string, members: readonly RemoteApiServer[]): OpenApiProgram {
    let program = this.#programs.get(service);
    if (program === undefined || !isSame(program.members, members)) {
      program = new OpenApiProgram(members, this.#clock);
      this.#programs.set(service, program);
    }
    program.lookAround();
    return program;
  }
}

const isSame = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((each, index) => each === b[index]);
