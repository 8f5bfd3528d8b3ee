import type { Random } from "../../../apimachinery/random.ts";
import type { ObjectReader } from "../../object-reader.ts";
import type { WebhookCaller } from "../../webhook/webhook-caller.ts";
import type { MatchConditions } from "./match-conditions.ts";
import type { HookObserver } from "./observer.ts";
import type { Versions } from "./versions.ts";

/** What both webhook plugins work with. */
export interface WebhookDependencies {
  readonly reader: ObjectReader;
  readonly random: Random;
  readonly caller: WebhookCaller;
  readonly versions: Versions;
  readonly conditions: MatchConditions;
  readonly observer: HookObserver;
}
