import { Counter, Gauge } from "../../apimachinery/metrics.ts";
import { type ApiResponse, type RequestState, textResponse } from "./api-request.ts";

/** A named check; answers why it fails, or undefined when all is well. */
export interface HealthCheck {
  readonly name: string;
  readonly check: () => string | undefined;
}

export interface HealthOptions {
  /** Of /healthz and /readyz, not of /livez: a restart would not help. */
  readonly healthChecks: readonly HealthCheck[];
  readonly readyChecks: readonly HealthCheck[];
  readonly isReady: () => boolean;
  readonly isClosing: () => boolean;
}

/**
 * What Kubernetes does when its server has started, and names in its checks, as far as it is done here: all of it is
 * over when the store has been read, before the server is ready.
 */
const startHooks = [
  "start-apiserver-admission-initializer",
  "generic-apiserver-start-informers",
  "priority-and-fairness-config-consumer",
  "priority-and-fairness-filter",
  "storage-object-count-tracker-hook",
  "start-apiextensions-informers",
  "start-apiextensions-controllers",
  "crd-informer-synced",
  "start-system-namespaces-controller",
  "start-cluster-authentication-info-controller",
  "start-legacy-token-tracking-controller",
  "start-service-ip-repair-controllers",
  "storage-readiness",
  "rbac/bootstrap-roles",
  "scheduling/bootstrap-system-priority-classes",
  "priority-and-fairness-config-producer",
  "bootstrap-controller",
  "start-kubernetes-service-cidr-controller",
  "aggregator-reload-proxy-client-cert",
  "start-kube-aggregator-informers",
  "apiservice-status-local-available-controller",
  "apiservice-status-remote-available-controller",
  "apiservice-registration-controller",
  "apiservice-discovery-controller",
  "kube-apiserver-autoregistration",
  "apiservice-openapi-controller",
  "apiservice-openapiv3-controller",
];

/**
 * /healthz, /livez and /readyz, each with its checks below it by name, `?verbose` and `?exclude=`, in the words of
 * k8s.io/apiserver/pkg/server/healthz. What failed is told to who may ask for the check itself; the roots are public.
 */
export class Health {
  readonly #roots: Readonly<Record<string, readonly HealthCheck[]>>;
  readonly #outcomes = new Counter({
    name: "kubernetes_healthchecks_total",
    help: "Outcomes of health checks.",
    labels: ["name", "type", "status"],
  });

  constructor({ healthChecks, readyChecks, isReady, isClosing }: HealthOptions) {
    const store = (): string | undefined =>
      isReady() || isClosing() ? undefined : "the store is being read";
    const alive: HealthCheck[] = [
      { name: "ping", check: () => undefined },
      { name: "log", check: () => undefined },
      { name: "etcd", check: store },
    ];
    const given = new Set(readyChecks.map(({ name }) => name));
    const hooks = startHooks
      .map((name): HealthCheck => ({ name: `poststarthook/${name}`, check: store }))
      .filter(({ name }) => !given.has(name));
    hooks.push({ name: "autoregister-completion", check: store });
    const ready: HealthCheck[] = [
      ...alive,
      { name: "etcd-readiness", check: store },
      {
        name: "informer-sync",
        check: () => (store() === undefined ? undefined : "the caches are being filled"),
      },
      ...hooks,
      ...healthChecks,
      ...readyChecks,
      { name: "shutdown", check: () => (isClosing() ? "process is shutting down" : undefined) },
    ];
    this.#roots = {
      healthz: [...alive, ...hooks, ...healthChecks, ...readyChecks],
      livez: [...alive, ...hooks, ...readyChecks],
      readyz: ready,
    };
  }

  /** All paths that answer. */
  paths(): string[] {
    return Object.entries(this.#roots).flatMap(([root, checks]) => [
      `/${root}`,
      ...checks.map(({ name }) => `/${root}/${name}`),
    ]);
  }

  /** Undefined for a path that names no check. */
  answer(state: RequestState, path: string): ApiResponse | undefined {
    const [, root = "", ...rest] = path.split("/");
    const checks = Object.hasOwn(this.#roots, root) ? this.#roots[root] : undefined;
    if (checks === undefined) return undefined;
    return rest.length === 0 ? this.#all(state, root, checks) : single(checks, rest.join("/"));
  }

  /** What /metrics/slis shows. */
  metrics(): string {
    const states = new Gauge({
      name: "kubernetes_healthcheck",
      help: "Whether a check passes: 1, or 0.",
      labels: ["name", "type"],
    });
    for (const [type, checks] of Object.entries(this.#roots)) {
      for (const { name, check } of checks) states.with(name, type).set(check() === undefined ? 1 : 0);
    }
    return `${[...states.lines(), ...this.#outcomes.lines()].join("\n")}\n`;
  }

  #all(state: RequestState, root: string, checks: readonly HealthCheck[]): ApiResponse {
    const excluded = new Set(state.request.query.getAll("exclude"));
    const lines: string[] = [];
    let failed = false;
    for (const { name, check } of checks) {
      if (excluded.delete(name)) {
        lines.push(`[+]${name} excluded: ok`);
        continue;
      }
      const fails = check() !== undefined;
      failed ||= fails;
      this.#outcomes.with(name, root, fails ? "error" : "success").add();
      lines.push(fails ? `[-]${name} failed: reason withheld` : `[+]${name} ok`);
    }
    if (excluded.size > 0) {
      const names = [...excluded].toSorted().map((name) => JSON.stringify(name));
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(",")}`);
    }
    if (failed) return textResponse(500, `${lines.join("\n")}\n${root} check failed\n`);
    if (!state.request.query.has("verbose")) return textResponse(200, "ok");
    return textResponse(200, `${lines.join("\n")}\n${root} check passed\n`);
  }
}

function single(checks: readonly HealthCheck[], name: string): ApiResponse | undefined {
  const found = checks.find((each) => each.name === name);
  if (found === undefined) return undefined;
  const why = found.check();
  return why === undefined ? textResponse(200, "ok") : textResponse(500, `internal server error: ${why}\n`);
}
