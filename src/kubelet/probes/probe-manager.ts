import type { Container, Pod, Probe } from "../../api/types/core-v1.ts";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { ProbeKind } from "../options.ts";
import type { ProbeVerdicts } from "../pods/actions.ts";
import { containerFieldPath, type PodContainer } from "../pods/pod-spec.ts";
import type { ProbeResults } from "../status/container-statuses.ts";
import type { Prober } from "./prober.ts";

export interface ProbeManagerOptions {
  readonly prober: Prober;
  readonly clock: Clock;
  readonly events: EventRecorder;
  /** Called when a verdict has changed: the pod's worker has to look. */
  readonly onChange: (podUid: string) => void;
}

/** Probes running containers, each from its start to its end, and keeps the verdicts. */
export class ProbeManager implements ProbeResults, ProbeVerdicts {
  readonly #options: ProbeManagerOptions;
  readonly #containers = new Map<string, ProbedContainer>();
  #stopped = false;

  constructor(options: ProbeManagerOptions) {
    this.#options = options;
  }

  /** Begins, or goes on, to probe a running container. Containers without probes cost nothing. */
  watch(pod: Pod, entry: PodContainer, containerId: string, startedAtMs: number, podIp: string): void {
    if (this.#stopped) return;
    const { startupProbe, readinessProbe, livenessProbe } = entry.container;
    if (startupProbe === undefined && readinessProbe === undefined && livenessProbe === undefined) return;
    const known = this.#containers.get(containerId);
    if (known !== undefined) known.update(pod, podIp);
    else
      this.#containers.set(
        containerId,
        new ProbedContainer(this.#options, pod, entry, containerId, startedAtMs, podIp),
      );
  }

  /** Ends liveness and startup probes: the container is being stopped, and must not be killed for it. */
  quiet(containerId: string): void {
    this.#containers.get(containerId)?.quiet();
  }

  forget(containerId: string): void {
    this.#containers.get(containerId)?.stop();
    this.#containers.delete(containerId);
  }

  /** Stops all probes, and begins none any more; for the end of the kubelet, in the middle of whatever its workers do. */
  stop(): void {
    this.#stopped = true;
    for (const id of this.#containers.keys()) this.forget(id);
  }

  started(containerId: string): boolean {
    return this.#containers.get(containerId)?.started ?? true;
  }

  ready(containerId: string): boolean {
    return this.#containers.get(containerId)?.ready ?? true;
  }

  failed(
    containerId: string,
  ): { kind: "startup" | "liveness"; graceSeconds?: number | undefined } | undefined {
    return this.#containers.get(containerId)?.failed;
  }
}

/** The probes of one container instance. */
class ProbedContainer {
  readonly #options: ProbeManagerOptions;
  readonly #entry: PodContainer;
  readonly #containerId: string;
  readonly #startedAtMs: number;
  readonly #loops = new Map<ProbeKind, ProbeLoop>();
  readonly #before: Partial<Record<ProbeKind, boolean | undefined>>;
  #pod: Pod;
  #podIp: string;

  constructor(
    options: ProbeManagerOptions,
    pod: Pod,
    entry: PodContainer,
    containerId: string,
    startedAtMs: number,
    podIp: string,
  ) {
    this.#options = options;
    this.#pod = pod;
    this.#entry = entry;
    this.#containerId = containerId;
    this.#startedAtMs = startedAtMs;
    this.#podIp = podIp;
    this.#before = verdictsBefore(pod, containerId);
    // Until the startup probe has succeeded, the others wait.
    if (this.#probeOf("startup") !== undefined) this.#begin("startup");
    else this.#beginOthers();
  }

  get started(): boolean {
    return this.#probeOf("startup") === undefined || this.#loops.get("startup")?.verdict === true;
  }

  get ready(): boolean {
    return this.#probeOf("readiness") === undefined || this.#loops.get("readiness")?.verdict === true;
  }

  get failed(): { kind: "startup" | "liveness"; graceSeconds?: number | undefined } | undefined {
    for (const kind of ["startup", "liveness"] as const) {
      const graceSeconds = this.#probeOf(kind)?.terminationGracePeriodSeconds;
      if (this.#loops.get(kind)?.verdict === false) return { kind, graceSeconds };
    }
    return undefined;
  }

  update(pod: Pod, podIp: string): void {
    this.#pod = pod;
    this.#podIp = podIp;
  }

  quiet(): void {
    this.#loops.get("startup")?.stop();
    this.#loops.get("liveness")?.stop();
  }

  stop(): void {
    for (const loop of this.#loops.values()) loop.stop();
  }

  #probeOf(kind: ProbeKind): Probe | undefined {
    const { startupProbe, readinessProbe, livenessProbe }: Container = this.#entry.container;
    return { startup: startupProbe, readiness: readinessProbe, liveness: livenessProbe }[kind];
  }

  #beginOthers(): void {
    this.#begin("readiness");
    this.#begin("liveness");
  }

  #begin(kind: ProbeKind): void {
    const probe = this.#probeOf(kind);
    if (probe === undefined || this.#loops.has(kind)) return;
    const patienceMs = kind === "liveness" ? 0 : earlyMs;
    const loop = new ProbeLoop(this.#options.clock, probe, this.#startedAtMs, patienceMs, {
      run: (quiet) => this.#run(kind, probe, quiet),
      changed: (verdict) => {
        // A startup probe has done its work once it succeeded, and a verdict of death is final for this instance.
        if (kind === "startup" || (kind === "liveness" && !verdict)) loop.stop();
        if (kind === "startup" && verdict) this.#beginOthers();
        this.#options.onChange(this.#pod.metadata.uid ?? "");
      },
    });
    this.#loops.set(kind, loop);
    const succeeded = this.#before[kind] === true;
    if (succeeded) loop.assumeSuccess();
    if (succeeded && kind === "startup") this.#beginOthers();
    else loop.start();
  }

  async #run(kind: ProbeKind, probe: Probe, quiet: boolean): Promise<boolean | undefined> {
    const { prober, events } = this.#options;
    const target = { pod: this.#pod, container: this.#entry.container, containerId: this.#containerId };
    const { result, output } = await prober.probe(kind, probe, { ...target, podIp: this.#podIp });
    const name = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
    const field = containerFieldPath(this.#entry);
    if (this.#loops.get(kind)?.stopped === true) return undefined;
    if (quiet) return result === "success" ? true : undefined;
    if (result === "failure") {
      events.event(this.#pod, "Warning", "Unhealthy", `${name} probe failed: ${output}`, field);
    } else if (result === "error") {
      const message = `${name} probe errored and resulted in unknown state: ${output}`;
      events.event(this.#pod, "Warning", "Unhealthy", message, field);
    } else if (result === "warning") {
      events.event(this.#pod, "Warning", "ProbeWarning", `${name} probe warning: ${output}`, field);
    }
    // A probe that did not work says nothing about the container.
    return result === "error" ? undefined : result !== "failure";
  }
}

/**
 * What an earlier kubelet had found out about this very container: one that served goes on to serve while its probes begin
 * anew, so that a restart of the agent takes no pod out of its Services.
 */
function verdictsBefore(
  { status }: Pod,
  containerId: string,
): Partial<Record<ProbeKind, boolean | undefined>> {
  const before = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
    ({ containerID }) => containerID?.endsWith(`://${containerId}`) === true,
  );
  return { startup: before?.started, readiness: before?.ready };
}

/**
 * A server that has just been started needs a moment before it answers. For so long failures of readiness and startup
 * probes neither count nor are told, and the container is looked at often, so that it is ready the moment it can be.
 */
const earlyMs = 1_000;
/** Early looks follow each other after this, then after twice as long, and so on for one period of the probe. */
const earlyStepMs = 100;

interface ProbeActions {
  /** Undefined when the probe did not work, and for early failures. */
  run(quiet: boolean): Promise<boolean | undefined>;
  changed(verdict: boolean): void;
}

/** Repeats one probe and counts: a verdict changes after as many equal results in a row as the thresholds ask for. */
class ProbeLoop {
  readonly #clock: Clock;
  readonly #probe: Probe;
  readonly #startedAtMs: number;
  readonly #patienceMs: number;
  readonly #actions: ProbeActions;
  #timer: Timer | undefined;
  #earlyTimer: Timer | undefined;
  #last: boolean | undefined;
  #inRow = 0;
  #verdict: boolean | undefined;
  #stopped = false;

  constructor(clock: Clock, probe: Probe, startedAtMs: number, patienceMs: number, actions: ProbeActions) {
    this.#clock = clock;
    this.#probe = probe;
    this.#startedAtMs = startedAtMs;
    this.#patienceMs = patienceMs;
    this.#actions = actions;
  }

  /** Undefined until the first verdict. */
  get verdict(): boolean | undefined {
    return this.#verdict;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  start(): void {
    const dueAtMs = this.#startedAtMs + (this.#probe.initialDelaySeconds ?? 0) * 1000;
    this.#schedule(Math.max(0, dueAtMs + this.#patienceMs - this.#clock.now()));
    if (this.#patienceMs > 0) this.#scheduleEarly(Math.max(0, dueAtMs - this.#clock.now()), earlyStepMs);
  }

  /** Before the start: the last verdict of an earlier kubelet stands until this one's probes say otherwise. */
  assumeSuccess(): void {
    this.#verdict = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.stop();
    this.#earlyTimer?.stop();
  }

  #scheduleEarly(delayMs: number, nextMs: number): void {
    this.#earlyTimer = this.#clock.after(delayMs, () => void this.#lookEarly(nextMs));
  }

  /** Ends with the first success, with any verdict, and after one period. */
  async #lookEarly(nextMs: number): Promise<void> {
    const passed = await this.#actions.run(true);
    if (this.#stopped || this.#verdict !== undefined) return;
    if (passed === true) this.#count(true);
    else if (nextMs < this.#periodMs) this.#scheduleEarly(nextMs, 2 * nextMs);
  }

  get #periodMs(): number {
    return (this.#probe.periodSeconds ?? 10) * 1000;
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    const startMs = this.#clock.now();
    const passed = await this.#actions.run(false);
    if (this.#stopped) return;
    if (passed !== undefined) this.#count(passed);
    if (this.#stopped) return;
    this.#schedule(Math.max(0, startMs + this.#periodMs - this.#clock.now()));
  }

  #count(passed: boolean): void {
    this.#inRow = passed === this.#last ? this.#inRow + 1 : 1;
    this.#last = passed;
    const threshold = passed ? (this.#probe.successThreshold ?? 1) : (this.#probe.failureThreshold ?? 3);
    if (this.#inRow < threshold || this.#verdict === passed) return;
    this.#verdict = passed;
    this.#actions.changed(passed);
  }
}
