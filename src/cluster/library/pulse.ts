import type { Clock } from "../../apimachinery/clock.ts";
import { formatGroupResource } from "../../apimachinery/gvk.ts";
import type { Filter } from "../../apiserver/endpoints/api-request.ts";
import type { Recorder } from "./recorder.ts";

const changing = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** What goes on without end in a cluster that is at rest: heartbeats, and what is told of them. */
const background = new Set(["leases.coordination.k8s.io", "events", "events.events.k8s.io"]);

/** Feels whether anything happens in a cluster: counts requests, and remembers what changed last. */
export class Pulse {
  readonly #clock: Clock;
  readonly #recorder: Recorder | undefined;
  #count = 0;
  #lastChangeMs: number;
  #lastChange = "";

  constructor(clock: Clock, recorder?: Recorder) {
    this.#clock = clock;
    this.#recorder = recorder;
    this.#lastChangeMs = clock.now();
  }

  /** Grows with every request that begins or ends. */
  get count(): number {
    return this.#count;
  }

  /** When something other than heartbeats was last written, on the cluster's clock. */
  get lastChangeMs(): number {
    return this.#lastChangeMs;
  }

  /** Who wrote what then: `system:kube-scheduler create pods/binding web-1`. */
  get lastChange(): string {
    return this.#lastChange;
  }

  readonly filter: Filter = async (state, next) => {
    this.#count++;
    try {
      const before = this.#recorder?.revision ?? 0;
      const response = await next(state);
      this.#recorder?.answered(state, response, before);
      const { verb, group, resource, subresource, name } = state.info;
      const written = formatGroupResource({ group, resource });
      const isHeartbeat = background.has(written) || (written === "nodes" && subresource === "status");
      if (changing.has(verb) && !isHeartbeat && !state.request.query.has("dryRun")) {
        this.#lastChangeMs = this.#clock.now();
        const path = subresource === "" ? written : `${written}/${subresource}`;
        this.#lastChange = `${state.user.name} ${verb} ${path} ${name}`.trimEnd();
      }
      return response;
    } finally {
      this.#count++;
    }
  };
}
