import type { Container, LifecycleHandler, Pod } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { RuntimeService } from "../../cri/runtime.ts";
import type { ProbeNetwork } from "../options.ts";
import { httpTarget, portNumber } from "../probes/prober.ts";
import { formatPod } from "./pod-spec.ts";

/** No limit of its own: the pod's grace period, or its deletion, ends a hook. */
const unboundedMs = 24 * 3_600_000;

export interface HookTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** Runs postStart and preStop handlers. Mirrors pkg/kubelet/lifecycle/handlers.go. */
export class HookRunner {
  readonly #runtime: RuntimeService;
  readonly #network: ProbeNetwork;
  readonly #clock: Clock;

  constructor(runtime: RuntimeService, network: ProbeNetwork, clock: Clock) {
    this.#runtime = runtime;
    this.#network = network;
    this.#clock = clock;
  }

  /** Resolves when the hook has succeeded; rejects with what the container's status shows, or when aborted. */
  async run(handler: LifecycleHandler, target: HookTarget, signal: AbortSignal): Promise<void> {
    const { exec, httpGet, tcpSocket, sleep } = handler;
    const { container, containerId, podIp } = target;
    const base = { containerId, kind: "liveness", timeoutMs: 30_000 } as const;
    if (exec !== undefined) await this.#exec(exec.command ?? [], target);
    else if (sleep !== undefined) await this.#clock.sleep(sleep.seconds * 1000, signal);
    else if (httpGet !== undefined) {
      const { statusCode } = await this.#network.httpGet({
        ...base,
        ...httpTarget(httpGet, container, podIp),
      });
      if (statusCode >= 400)
        throw new Error(
          `Http lifecycle hook (${httpGet.path}) ${where(target)} failed - status ${statusCode}`,
        );
    } else if (tcpSocket !== undefined) {
      // The kubelet has never run this handler; it accepts and refuses it.
      portNumber(tcpSocket.port, container);
      throw new Error(`Invalid handler: tcpSocket is not supported for lifecycle hooks ${where(target)}`);
    }
  }

  async #exec(command: readonly string[], target: HookTarget): Promise<void> {
    const what = `Exec lifecycle hook ([${command.join(" ")}]) ${where(target)} failed`;
    const { exitCode, stdout, stderr } = await this.#runtime
      .execSync(target.containerId, command, unboundedMs)
      .catch((error: Error) => {
        throw new Error(`${what} - error: ${error.message}, message: ""`);
      });
    if (exitCode === 0) return;
    const output = Buffer.concat([stdout, stderr]).toString();
    const why = `command '${command.join(" ")}' exited with ${exitCode}: ${stderr.toString()}`;
    throw new Error(`${what} - error: ${why}, message: ${JSON.stringify(output)}`);
  }
}

function where({ pod, container }: HookTarget): string {
  return `for Container "${container.name}" in Pod "${formatPod(pod)}"`;
}
