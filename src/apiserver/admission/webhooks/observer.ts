import { Counter, Histogram } from "../../../apimachinery/metrics.ts";
import { StatusError } from "../../../apimachinery/status.ts";
import { KnownFailures } from "../../webhook/known-failures.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { HookFailure } from "./call-hook.ts";
import type { Hook } from "./hooks.ts";
import type { AdmissionWebhookOptions } from "./index.ts";

/** As metrics name the two kinds. */
type HookType = "admit" | "validating";

type HookObserverOptions = Pick<AdmissionWebhookOptions, "clock" | "register" | "onFailure" | "onRecovery">;

/** How a call ended; exactly one of these is called. */
interface ObservedCall {
  answered(): void;
  refused(error: unknown): void;
  /** `isIgnored`: the request goes on, as the failurePolicy says. */
  failed(error: HookFailure, isIgnored: boolean): void;
}

const buckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

/** Counts calls of webhooks, under the names that kube-apiserver uses. */
export class HookObserver {
  readonly #options: HookObserverOptions;
  readonly #failures = new KnownFailures();
  readonly #durations = new Histogram({
    name: "apiserver_admission_webhook_admission_duration_seconds",
    help: "Time that a webhook took, by name, kind of webhook, operation and whether the request was rejected.",
    labels: ["name", "operation", "rejected", "type"],
    buckets,
  });
  readonly #requests = new Counter({
    name: "apiserver_admission_webhook_request_total",
    help: "Calls of webhooks, by name, kind of webhook, operation, code and whether the request was rejected.",
    labels: ["code", "name", "operation", "rejected", "type"],
  });
  readonly #rejections = new Counter({
    name: "apiserver_admission_webhook_rejection_count",
    help: "Requests that webhooks rejected, or that were rejected because a webhook could not be asked.",
    labels: ["error_type", "name", "operation", "rejection_code", "type"],
  });
  readonly #failedOpen = new Counter({
    name: "apiserver_admission_webhook_fail_open_count",
    help: "Calls of webhooks that failed and that the request went on without.",
    labels: ["name", "type"],
  });

  constructor(options: HookObserverOptions) {
    this.#options = options;
    for (const metric of [this.#durations, this.#requests, this.#rejections, this.#failedOpen])
      options.register(metric);
  }

  begin(hook: Hook, type: HookType, { operation }: AdmissionAttributes): ObservedCall {
    const { clock, onFailure, onRecovery } = this.#options;
    const { name } = hook.webhook;
    const named = {
      type: type === "admit" ? "mutating" : "validating",
      configuration: hook.configuration,
      webhook: name,
    } as const;
    const key = `${type} ${hook.configuration} ${name}`;
    const hasAnswered = (): void => {
      if (this.#failures.end(key)) onRecovery(named);
    };
    const startMs = clock.now();
    const count = (code: number, isRejected: boolean): void => {
      const rejected = String(isRejected);
      this.#durations.with(name, operation, rejected, type).observe((clock.now() - startMs) / 1000);
      this.#requests.with(String(code), name, operation, rejected, type).value++;
    };
    const reject = (why: string, code: number): void => {
      this.#rejections.with(why, name, operation, String(code), type).value++;
    };
    return {
      answered: () => {
        hasAnswered();
        count(200, false);
      },
      refused: (error) => {
        hasAnswered();
        const code = error instanceof StatusError ? error.code : 0;
        count(code, true);
        reject(code === 0 || code >= 500 ? "apiserver_internal_error" : "no_error", code);
      },
      failed: (error, isIgnored) => {
        count(error.code, !isIgnored);
        if (isIgnored) this.#failedOpen.with(name, type).value++;
        else reject("calling_webhook_error", error.code);
        this.#failures.add(key);
        onFailure({ ...named, why: error.why, isIgnored });
      },
    };
  }
}
