import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Auditor } from "../audit/auditor.ts";
import type { Authenticator } from "../authentication/authenticator.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { Filter, Handler } from "../endpoints/api-request.ts";
import type { ServerMetrics } from "../metrics.ts";
import { audit } from "./audit.ts";
import { authentication } from "./authentication.ts";
import { authorization } from "./authorization.ts";
import { type FlowControlParts, flowControl } from "./flow-control.ts";
import { impersonation } from "./impersonation.ts";
import { measure } from "./measure.ts";
import { panic } from "./panic.ts";
import { timeout } from "./timeout.ts";

export interface ChainOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly audit: Auditor | undefined;
  readonly flowControl: FlowControlParts;
  /** A step of whoever embeds the server, once it is known who asks. */
  readonly intercept?: Filter | undefined;
  readonly requestTimeoutMs: number;
  /** Aborts when the server is closed. */
  readonly closed?: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ServerMetrics;
}

/**
 * The order in which a request passes, from the outside in. TLS and the reading of the request line come before
 * (`http/`); request info is computed there too, because every filter reads it.
 */
export function buildChain(options: ChainOptions, route: Handler): Handler {
  const { authenticator, authorizer, clock, logger } = options;
  const filters: readonly Filter[] = [
    panic(logger),
    measure(options.metrics.requests, clock),
    timeout(clock, options.requestTimeoutMs, options.closed),
    authentication(authenticator, options.audit),
    audit(options.audit),
    impersonation(authorizer),
    ...(options.intercept === undefined ? [] : [options.intercept]),
    flowControl(options.flowControl),
    authorization(authorizer),
  ];
  return filters.reduceRight<Handler>((next, filter) => (state) => filter(state, next), route);
}
