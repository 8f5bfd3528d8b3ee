import { type ApiResponse, type RequestState, textResponse } from "./api-request.ts";
import type { NonResourceOptions } from "./non-resource.ts";

/** A named check; answers why it fails, or undefined when all is well. */
export interface HealthCheck {
  readonly name: string;
  check(): string | undefined;
}

/** /healthz, /livez and /readyz, each with its checks below it by name, `?verbose` and `?exclude=`. */
export function health(
  options: Pick<NonResourceOptions, "readyChecks" | "isReady" | "isClosing">,
): (state: RequestState, path: string) => ApiResponse | undefined {
  const alive: HealthCheck[] = [
    { name: "ping", check: () => undefined },
    { name: "log", check: () => undefined },
    {
      name: "etcd",
      check: () => (options.isReady() || options.isClosing() ? undefined : "the store is being read"),
    },
  ];
  const ready: HealthCheck[] = [
    ...alive,
    { name: "informer-sync", check: () => (options.isReady() ? undefined : "the caches are being filled") },
    ...options.readyChecks,
    { name: "shutdown", check: () => (options.isClosing() ? "the server is shutting down" : undefined) },
  ];
  const roots: Readonly<Record<string, readonly HealthCheck[]>> = {
    healthz: alive,
    livez: alive,
    readyz: ready,
  };
  return (state, path) => {
    const [, root = "", name, ...more] = path.split("/");
    const checks = roots[root];
    if (checks === undefined || more.length > 0) return undefined;
    if (name !== undefined) return single(checks, name);
    return all(state, root, checks);
  };
}

function single(checks: readonly HealthCheck[], name: string): ApiResponse | undefined {
  const found = checks.find((each) => each.name === name);
  if (found === undefined) return undefined;
  const why = found.check();
  return why === undefined ? textResponse(200, "ok") : textResponse(500, `internal server error: ${why}\n`);
}

function all(state: RequestState, root: string, checks: readonly HealthCheck[]): ApiResponse {
  const excluded = new Set(state.request.query.getAll("exclude"));
  const lines: string[] = [];
  let failed = false;
  for (const each of checks) {
    const { name } = each;
    if (excluded.has(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    const why = each.check();
    failed ||= why !== undefined;
    lines.push(why === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`);
  }
  if (failed) return textResponse(500, `${lines.join("\n")}\n${root} check failed\n`);
  if (!state.request.query.has("verbose")) return textResponse(200, "ok");
  return textResponse(200, `${lines.join("\n")}\n${root} check passed\n`);
}
