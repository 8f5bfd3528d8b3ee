import type { Clock } from "../../apimachinery/clock.ts";
import { formatGroupResource } from "../../apimachinery/gvk.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { ApiResponse, RequestState } from "../../apiserver/endpoints/api-request.ts";
import { newLogger } from "../log.ts";

/** Who did what at a revision. */
export interface RecordedWrite {
  /** 0 where the answer did not say: the object is gone. */
  readonly revision: number;
  /** On the cluster's clock. */
  readonly atMs: number;
  readonly user: string;
  /** create, update, patch, delete. */
  readonly verb: string;
  /** `pods/status`, `deployments.apps`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** What a controller was working on: `deployment-controller for default/web`. */
  readonly cause?: string;
}

const writing = new Set(["create", "update", "patch", "delete"]);
/** So many lines are kept, the newest. */
const linesMax = 20_000;

/**
 * Remembers who wrote what, and what the server logged, for the artifact of a test that fails. There is one only where
 * the cluster was made with `record`: others pay nothing for it.
 */
export class Recorder {
  readonly writes: RecordedWrite[] = [];
  readonly logger: Logger;
  readonly #clock: Clock;
  /** The newest that was seen: what a write answers is beyond it, unless it changed nothing. */
  revision = 0;
  #lines: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.logger = newLogger(clock, "info", (line) => {
      this.#lines.push(line);
      if (this.#lines.length >= 2 * linesMax) this.#lines = this.#lines.slice(-linesMax);
    });
  }

  /** What the server logged. */
  get log(): string {
    return this.#lines.join("");
  }

  /** To be told of every answer, and of the revision that was known when it was asked for. */
  answered({ info, user, request }: RequestState, response: ApiResponse, before: number): void {
    const { verb, group, resource, subresource, namespace } = info;
    if (!writing.has(verb) || request.query.has("dryRun")) return;
    const isObject = response.type === "object";
    const revision = isObject ? response.object.revision : 0;
    this.revision = Math.max(this.revision, revision);
    // An object that is gone may be answered as it last was.
    if (isObject && revision <= before && verb !== "delete") return;
    const path = formatGroupResource({ group, resource });
    this.writes.push({
      revision: revision > before ? revision : 0,
      atMs: this.#clock.now(),
      user: user.name,
      verb,
      resource: subresource === "" ? path : `${path}/${subresource}`,
      namespace,
      name: isObject ? response.object.name : info.name,
    });
  }
}
