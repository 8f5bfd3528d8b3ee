import { mkdir, writeFile } from "node:fs/promises";
import type { ContainerStateWaiting, Pod, PodStatus } from "../../api/types/core-v1.ts";
import { Backoff } from "../../apimachinery/backoff.ts";
import type { Timer } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { resourcesAnnotation, resourcesText } from "../environment/container-configs.ts";
import type { ClusterDns } from "../environment/dns-config.ts";
import { hostsFile } from "../environment/hosts-file.ts";
import { ensureImageVolumes, imagesOf } from "../images/image-volumes.ts";
import type { NodeContext, Rejection } from "../node-context.ts";
import { removeUnmounted } from "../orphans.ts";
import { StartError } from "../start-error.ts";
import { ownConditionTypes } from "../status/own-conditions.ts";
import { hasEnded } from "../status/phase.ts";
import { podStatus } from "../status/pod-status.ts";
import type { MountedVolumes } from "../volumes/container-mounts.ts";
import { VolumeError } from "../volumes/volume.ts";
import { type PodActions, podActions } from "./actions.ts";
import { GraceDeadline } from "./grace-deadline.ts";
import { killContainer, killPodContainers } from "./kill-containers.ts";
import { allContainers, findContainer, graceSeconds, type PodContainer } from "./pod-spec.ts";
import { containerResources } from "./qos.ts";
import { checkRuntimeClass } from "./runtime-class.ts";
import { emptyState, newestContainer, type RuntimeState, readState, readySandbox } from "./runtime-state.ts";
import { sandboxConfig } from "./sandbox-config.ts";
import { crashRetryAtMs, startContainer } from "./start-container.ts";
import { terminationMessage } from "./termination-message.ts";

export interface PodWorkerOptions {
  readonly context: NodeContext;
  readonly dns: ClusterDns;
  /** The node's /etc/hosts. */
  readonly hostFile: string;
  readonly pod: Pod;
  /** What the runtime held of the pod when the kubelet came up. */
  readonly adopted: RuntimeState;
  /** Called for each sandbox the pod gets, so that runtime events find their way. */
  readonly onSandbox: (sandboxId: string) => void;
  /** Called when nothing of the pod is left: neither in the API nor on the node. */
  readonly onGone: () => void;
}

/**
 * Brings one pod from what it is to what it is to be, one step at a time, whenever something has changed. It works by
 * level: each step looks at the newest spec and at what the runtime holds, so one that is repeated or that follows a
 * crash does the right thing.
 *
 *   running → ending → ended
 *
 * A pod leaves `running` when it is deleted, when the kubelet ends it (a verdict), or when its containers are done.
 */
export class PodWorker {
  readonly #options: Omit<PodWorkerOptions, "pod" | "adopted">;
  readonly #context: NodeContext;
  readonly #uid: string;
  readonly #sandboxIds = new Set<string>();
  /** These three are empty for most pods, of which there may be very many: made when something is in them. */
  #waiting: Map<string, ContainerStateWaiting> | undefined;
  #messages: Map<string, string> | undefined;
  /** The resources that containers were given in place, by container id. */
  #applied: Map<string, string> | undefined;
  readonly #retry = new Backoff({ initialMs: 500, maxMs: 120_000 });
  #pod: Pod;
  #stage: "running" | "ending" | "ended" = "running";
  #state: RuntimeState = emptyState;
  #accepted: boolean;
  #verdict: Rejection | undefined;
  /** The API object is gone. */
  #removed = false;
  /** The deletion without grace was sent; the object may live on for its finalizers. */
  #deleteSent = false;
  #deadline: GraceDeadline | undefined;
  #sync: AbortController | undefined;
  #dirty = false;
  #working = false;
  #timer: Timer | undefined;
  /** Runs while a container was ended and its successor is about to start. */
  #gap: Timer | undefined;
  #stopped = false;

  /** What the pod was at first is not kept: of thousands of pods that would be as much as what they are. */
  constructor({ pod, adopted, ...options }: PodWorkerOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#pod = pod;
    this.#uid = pod.metadata.uid ?? "";
    for (const { id } of adopted.sandboxes) this.#addSandbox(id);
    // A pod that was running here before is not judged again.
    this.#accepted = adopted.sandboxes.length > 0 || pod.status?.startTime !== undefined;
  }

  get pod(): Pod {
    return this.#pod;
  }

  get state(): RuntimeState {
    return this.#state;
  }

  /**
   * Whether others have to do without what the pod asked for: from when it was let in until it has ended. A pod whose
   * status says that it has, or whose object was forced away, is out of the count at once, as the scheduler gives its
   * room to others already.
   */
  get holdsRoom(): boolean {
    return this.#accepted && !this.ended && !this.#removed && !this.#isTerminal();
  }

  /** Ended pods hold no resources of the node any more. */
  get ended(): boolean {
    return this.#stage === "ended";
  }

  /** The newest desired state. */
  update(pod: Pod): void {
    const old = this.#pod;
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#sync?.abort();
      if (old.metadata.deletionGracePeriodSeconds !== pod.metadata.deletionGracePeriodSeconds) {
        this.#deadline?.shorten(graceSeconds(pod));
      }
    }
    if (mattersToWorker(old, pod) || this.#context.statuses.wasOverwritten(pod)) this.wake();
  }

  /** The API object is gone: end the pod without further ado. */
  remove(pod: Pod): void {
    this.#pod = pod;
    this.#removed = true;
    // Whoever waits for a status to be written would wait for ever: there is nothing to write it to.
    this.#context.statuses.forget(this.#uid);
    this.#sync?.abort();
    this.wake();
  }

  /** The kubelet's own decision to end the pod: eviction. Its phase will be Failed. */
  end(verdict: Rejection): void {
    if (this.#verdict !== undefined || this.#stage !== "running") return;
    this.#verdict = verdict;
    this.#sync?.abort();
    this.wake();
  }

  /** Something may have changed: have a look. */
  wake(): void {
    this.#dirty = true;
    if (this.#stopped) return;
    if (!this.#working) void this.#work();
  }

  /** Lets go of the pod without touching what runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.stop();
    this.#gap?.stop();
    this.#sync?.abort();
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      try {
        await this.#step();
      } catch (error) {
        // A step that was cut short because the pod is to end is followed by the next one, which ends it.
        if (this.#stopped || (this.#stage === "running" && this.#sync?.signal.aborted === true)) continue;
        const { name, namespace } = this.#pod.metadata;
        const fields = { pod: `${namespace}/${name}`, error: String(error) };
        if (!(error instanceof VolumeError))
          this.#context.options.logger.warn("a step of a pod failed", fields);
        this.#wakeAfter(this.#retry.next());
      }
    }
    this.#working = false;
  }

  async #step(): Promise<void> {
    if (this.#stage === "running" && !this.#mustEnd()) await this.#syncPod();
    if (this.#stage === "running" && this.#mustEnd()) this.#stage = "ending";
    if (this.#stage === "ending") await this.#endPod();
    if (this.#stage === "ended") await this.#finish();
  }

  #mustEnd(): boolean {
    return (
      this.#removed ||
      this.#verdict !== undefined ||
      this.#pod.metadata.deletionTimestamp !== undefined ||
      this.#isTerminal()
    );
  }

  /** Others end pods too: whoever cleans up behind a node that was taken for gone. */
  #isTerminal(): boolean {
    return hasEnded(this.#context.statuses.get(this.#uid)) || hasEnded(this.#pod.status);
  }

  async #syncPod(): Promise<void> {
    const controller = new AbortController();
    this.#sync = controller;
    if (!this.#accepted && this.#reject()) return;
    this.#accepted = true;
    await this.#refresh();
    this.#publish();
    if (this.#mustEnd() || this.#pastDeadline()) return;
    const volumes = await this.#prepare();
    let actions = podActions(this.#pod, this.#state, this.#context.probes);
    if (actions.start.length > 0 || actions.createSandbox !== undefined) await this.#warnOfSecrets();
    // Each round may make the next one possible; the bound only guards against a runtime that never agrees.
    for (let round = 0; round < 100 && hasWork(actions); round++) {
      const progress = await this.#execute(actions, volumes, controller.signal);
      this.#gap?.stop();
      controller.signal.throwIfAborted();
      await this.#refresh();
      const next = podActions(this.#pod, this.#state, this.#context.probes);
      if (replaces(actions, next)) this.#publishLater();
      else this.#publish();
      if (!progress || this.#mustEnd()) break;
      actions = next;
    }
    await this.#resize();
    this.#retry.reset();
    this.#planWakeUp();
    this.#sync = undefined;
  }

  /** A container that soon has a successor does not show as gone: Services would leave the pod for nothing. */
  #publishLater(): void {
    if (this.#stopped) return;
    this.#gap = this.#context.options.clock.after(gapMs, () => this.#publish());
  }

  /** True when the pod may not run here; its status says why. */
  #reject(): boolean {
    const rejection = this.#context.admit(this.#pod);
    if (rejection === undefined) return false;
    const { events, clock } = this.#context.options;
    events.event(this.#pod, "Warning", rejection.reason, rejection.message);
    const message = `Pod was rejected: ${rejection.message}`;
    this.#verdict = { reason: rejection.reason, message };
    this.#context.statuses.set(this.#pod, {
      ...this.#pod.status,
      ...this.#statusNow(clock.now()),
      phase: "Failed",
    });
    this.#stage = "ending";
    return true;
  }

  /** Directories, volumes, and the files that containers share. */
  async #prepare(): Promise<MountedVolumes> {
    const { paths, volumes, options } = this.#context;
    const ips = readySandbox(this.#state)?.ips ?? [];
    if (options.simulated === undefined) {
      await Promise.all([
        mkdir(paths.volumes(this.#uid), { recursive: true, mode: 0o750 }),
        mkdir(paths.logDirectory(this.#pod), { recursive: true, mode: 0o755 }),
      ]);
    }
    return volumes.mount(this.#pod, this.#pod.spec?.hostNetwork === true ? this.#context.hostIps : ips);
  }

  /** Carries the actions out; false when nothing got on and the pod has to wait for something. */
  async #execute(actions: PodActions, volumes: MountedVolumes, signal: AbortSignal): Promise<boolean> {
    if (actions.killSandboxes) await this.#killSandboxes(actions.createSandbox !== undefined);
    if (actions.createSandbox !== undefined) {
      await this.#createSandbox(actions.createSandbox);
      return true;
    }
    await Promise.all(actions.kill.map((action) => this.#kill(action)));
    const { sandbox } = actions;
    let progress = actions.kill.length > 0;
    if (sandbox === undefined || actions.start.length === 0) return progress;
    const imageVolumes = await ensureImageVolumes(this.#pod, this.#context.puller, signal);
    for (const entry of actions.start) {
      const { name } = entry.container;
      try {
        const last = newestContainer(this.#state, name);
        const target = entry.target === undefined ? undefined : newestContainer(this.#state, entry.target);
        await startContainer(this.#context, {
          pod: this.#pod,
          entry,
          sandbox,
          last,
          target,
          volumes,
          imageVolumes,
          signal,
        });
        this.#waiting?.delete(name);
        progress = true;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof StartError)) throw error;
        this.#waiting ??= new Map();
        this.#waiting.set(name, error.waiting);
      }
    }
    return progress;
  }

  /** Gives running containers the limits that the spec has now: they may change in place. */
  async #resize(): Promise<void> {
    const { runtime } = this.#context.options;
    for (const { id, name, state, annotations } of this.#state.containers) {
      const container = findContainer(this.#pod, name)?.container;
      if (state !== "running" || container === undefined) continue;
      const wanted = resourcesText(container);
      const applied = this.#applied?.get(id) ?? annotations[resourcesAnnotation] ?? wanted;
      if (applied === wanted) continue;
      const numbers = containerResources(this.#pod, container, this.#context.memoryCapacityBytes);
      await runtime.updateContainerResources(id, numbers);
      this.#applied ??= new Map();
      this.#applied.set(id, wanted);
    }
  }

  async #createSandbox(attempt: number): Promise<void> {
    const { options, paths } = this.#context;
    const config = sandboxConfig(this.#pod, attempt, this.#options.dns, options.nodeName, paths);
    try {
      await checkRuntimeClass(options.client, this.#pod, this.#context.runtimeName);
      const id = await options.runtime.runPodSandbox(config);
      this.#addSandbox(id);
      await this.#refresh();
      await this.#writeHostsFile();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      options.events.event(
        this.#pod,
        "Warning",
        "FailedCreatePodSandBox",
        `Failed to create pod sandbox: ${message}`,
      );
      throw error;
    }
  }

  async #writeHostsFile(): Promise<void> {
    const { options, paths } = this.#context;
    if (options.simulated !== undefined) return;
    const ips = readySandbox(this.#state)?.ips ?? [];
    const text = hostsFile(this.#pod, ips, this.#options.dns.domain, this.#options.hostFile);
    await writeFile(paths.etcHosts(this.#uid), text, { mode: 0o644 });
  }

  /** The pod's network or its processes' namespaces are gone: all of it has to go before it is made anew. */
  async #killSandboxes(renewed: boolean): Promise<void> {
    const { runtime, events } = this.#context.options;
    if (renewed) {
      events.event(
        this.#pod,
        "Normal",
        "SandboxChanged",
        "Pod sandbox changed, it will be killed and re-created.",
      );
    }
    await killPodContainers(this.#context, this.#state.containers, this.#killRequest());
    for (const { id } of this.#state.sandboxes) await runtime.stopPodSandbox(id);
  }

  async #kill({ container, message, graceSeconds }: PodActions["kill"][number]): Promise<void> {
    const { clock } = this.#context.options;
    const request = this.#killRequest();
    const deadline = graceSeconds === undefined ? request.deadline : new GraceDeadline(clock, graceSeconds);
    await killContainer(this.#context, container, { ...request, deadline, message });
  }

  #killRequest(): { pod: Pod; podIp: string; deadline: GraceDeadline } {
    const deadline = new GraceDeadline(this.#context.options.clock, graceSeconds(this.#pod));
    return { pod: this.#pod, podIp: this.#podIp(), deadline };
  }

  #podIp(): string {
    const ips = this.#pod.spec?.hostNetwork === true ? this.#context.hostIps : readySandbox(this.#state)?.ips;
    return ips?.[0] ?? "";
  }

  /** Ends all containers, gives the address and the volumes back. */
  async #endPod(): Promise<void> {
    const { runtime, clock } = this.#context.options;
    await this.#refresh();
    this.#deadline ??= new GraceDeadline(clock, graceSeconds(this.#pod));
    this.#publish();
    const request = { pod: this.#pod, podIp: this.#podIp(), deadline: this.#deadline };
    await this.#withdraw(this.#deadline);
    await killPodContainers(this.#context, this.#state.containers, request);
    for (const { id } of this.#state.sandboxes) await runtime.stopPodSandbox(id);
    await this.#refresh();
    this.#publish();
    this.#context.puller.forget(this.#uid);
    await this.#context.volumes.unmount(this.#pod);
    this.#stage = "ended";
  }

  /** Services stop sending to the pod before it is told to stop, as far as its grace period allows. */
  async #withdraw(deadline: GraceDeadline): Promise<void> {
    const { withdrawn } = this.#context.options;
    const address = readySandbox(this.#state)?.ips[0];
    const limitMs = Math.min(withdrawalMsMax, deadline.remainingMs());
    if (withdrawn === undefined || address === undefined || limitMs <= 0) return;
    if (this.#pod.metadata.deletionTimestamp !== undefined) await withdrawn(address, limitMs);
  }

  /** What is left to do for a pod that has ended: let the API object go, and clean up behind it. */
  async #finish(): Promise<void> {
    if (this.#removed) return this.#cleanUp();
    const { name = "", namespace, uid = "", deletionTimestamp } = this.#pod.metadata;
    if (deletionTimestamp === undefined || this.#deleteSent) return;
    await this.#context.statuses.flushed(this.#uid);
    if (this.#removed) return this.#cleanUp();
    try {
      const pods = this.#context.options.client.resource(resources.pods);
      await pods.delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      // A conflict is tried again, too: where it says that another pod has the name, this one is soon told to be removed.
      if (!isNotFound(error)) throw error;
    }
    this.#deleteSent = true;
  }

  async #cleanUp(): Promise<void> {
    const { options, logs, paths, statuses, probes } = this.#context;
    for (const { id } of this.#state.containers) {
      probes.forget(id);
      await options.runtime.removeContainer(id);
    }
    for (const id of this.#sandboxIds) await options.runtime.removePodSandbox(id);
    await logs.removeTree(paths.logDirectory(this.#pod));
    if (options.simulated === undefined) await removeUnmounted(paths.pod(this.#uid), options.mounter);
    statuses.forget(this.#uid);
    this.#timer?.stop();
    this.#gap?.stop();
    this.#stopped = true;
    this.#options.onGone();
  }

  /** Looks at the runtime, and takes notice of what began and what ended. */
  async #refresh(): Promise<void> {
    const { options, digests, probes } = this.#context;
    this.#state = await readState(options.runtime, this.#sandboxIds);
    const present = new Set(this.#state.sandboxes.map(({ id }) => id));
    for (const id of this.#sandboxIds) if (!present.has(id)) this.#sandboxIds.delete(id);
    await digests.learn(this.#state.containers.map(({ imageId }) => imageId));
    for (const container of this.#state.containers) {
      const entry = findContainer(this.#pod, container.name);
      if (container.state === "running" && entry !== undefined) {
        probes.watch(this.#pod, entry, container.id, container.startedAtMs, this.#podIp());
      } else if (container.state === "exited") {
        probes.forget(container.id);
        await this.#hearLastWords(container);
      }
    }
    await this.#removeOld();
  }

  async #hearLastWords(container: RuntimeState["containers"][number]): Promise<void> {
    if (this.#messages?.has(container.id) === true) return;
    const { options, paths, logs } = this.#context;
    const spec = findContainer(this.#pod, container.name)?.container;
    const file =
      options.simulated === undefined
        ? paths.terminationMessage(this.#uid, container.name, container.attempt)
        : undefined;
    const message = await terminationMessage(spec, container, file, logs);
    this.#messages ??= new Map();
    this.#messages.set(container.id, message);
  }

  /** Of each container the newest is kept, and the one before it for its log and its exit code. */
  async #removeOld(): Promise<void> {
    const { options, logs } = this.#context;
    const seen = new Map<string, number>();
    for (const container of this.#state.containers) {
      const count = seen.get(container.name) ?? 0;
      seen.set(container.name, count + 1);
      if (count < 2 || container.state === "running") continue;
      await options.runtime.removeContainer(container.id);
      await logs.remove(container.logPath);
      this.#messages?.delete(container.id);
      this.#applied?.delete(container.id);
    }
  }

  #publish(): void {
    const { statuses, options } = this.#context;
    if (this.#removed) return;
    // The runtime has forgotten the containers of a pod that had ended before: its last status stands.
    if (hasEnded(this.#pod.status) && this.#state.containers.length === 0) return;
    statuses.set(this.#pod, this.#statusNow(options.clock.now()));
  }

  #statusNow(nowMs: number): PodStatus {
    const { statuses, probes, digests, runtimeName, hostIps } = this.#context;
    return podStatus(this.#pod, {
      state: this.#state,
      waiting: this.#waiting ?? none,
      probes,
      runtimeName,
      imageDigest: (id) => digests.get(id),
      terminationMessages: this.#messages ?? none,
      ending: this.#stage !== "running",
      nowMs,
      previous: statuses.get(this.#uid) ?? this.#pod.status,
      hostIps,
      verdict: this.#verdict,
    });
  }

  /** Ends the pod when it has been active for as long as it may be. */
  #pastDeadline(): boolean {
    const dueAtMs = this.#deadlineAtMs();
    const { clock, events } = this.#context.options;
    if (dueAtMs === undefined || clock.now() < dueAtMs) return false;
    const message = "Pod was active on the node longer than the specified deadline";
    events.event(this.#pod, "Normal", "DeadlineExceeded", message);
    this.#verdict = { reason: "DeadlineExceeded", message };
    return true;
  }

  #deadlineAtMs(): number | undefined {
    const seconds = this.#pod.spec?.activeDeadlineSeconds;
    const startTime = this.#context.statuses.get(this.#uid)?.startTime ?? this.#pod.status?.startTime;
    return seconds === undefined || startTime === undefined
      ? undefined
      : Date.parse(startTime) + seconds * 1000;
  }

  /** Time alone can change things: back-offs that run out, the pod's deadline. */
  #planWakeUp(): void {
    const { clock } = this.#context.options;
    const times: number[] = [];
    const deadlineAtMs = this.#deadlineAtMs();
    if (deadlineAtMs !== undefined) times.push(deadlineAtMs);
    for (const entry of allContainers(this.#pod)) {
      const reason = this.#waiting?.get(entry.container.name)?.reason;
      const retryAtMs =
        reason === "CrashLoopBackOff"
          ? crashRetryAtMs(
              this.#context,
              this.#pod,
              entry,
              newestContainer(this.#state, entry.container.name),
            )
          : this.#pullRetryAtMs(entry);
      // Having failed to pull, a container soon shows that it waits for the next try.
      if (reason === "ErrImagePull") times.push(clock.now() + showBackOffMs);
      else if (retryAtMs !== undefined && reason !== undefined) times.push(retryAtMs);
      else if (reason !== undefined) times.push(clock.now() + resyncMs);
    }
    if (times.length > 0) this.#wakeAfter(Math.max(0, Math.min(...times) - clock.now()));
  }

  /** When the next of the pulls that the container waits for may be tried again. */
  #pullRetryAtMs({ container }: PodContainer): number | undefined {
    const times = imagesOf(this.#pod, container).flatMap(
      (image) => this.#context.puller.retryAtMs(this.#pod, image) ?? [],
    );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #wakeAfter(delayMs: number): void {
    this.#timer?.stop();
    if (this.#stopped) return;
    this.#timer = this.#context.options.clock.after(delayMs, () => this.wake());
  }

  /** Missing pull secrets are told of, and the pull is tried without them. */
  async #warnOfSecrets(): Promise<void> {
    const missing = await this.#context.missingPullSecrets(this.#pod);
    if (missing.length === 0) return;
    const names = missing.join(", ");
    this.#context.options.events.event(
      this.#pod,
      "Warning",
      "FailedToRetrieveImagePullSecret",
      `Unable to retrieve some image pull secrets (${names}); attempting to pull the image may not succeed.`,
    );
  }

  #addSandbox(id: string): void {
    this.#sandboxIds.add(id);
    this.#options.onSandbox(id);
  }
}

const none: ReadonlyMap<string, never> = new Map<string, never>();

/** A container that waits for something that nobody announces is tried again after this. */
const resyncMs = 10_000;
/** How long ErrImagePull is shown before ImagePullBackOff. */
const showBackOffMs = 1_000;

/** A gap between two containers that is shorter does not show: it is how often Kubernetes' kubelet looks. */
const gapMs = 1_000;

/** A data path that does not answer must not keep pods from ending. */
const withdrawalMsMax = 1_000;

function hasWork({ killSandboxes, createSandbox, kill, start }: PodActions): boolean {
  return killSandboxes || createSandbox !== undefined || kill.length > 0 || start.length > 0;
}

/** Whether the next round starts what this one has ended. */
function replaces({ kill }: PodActions, { start }: PodActions): boolean {
  const ended = new Set(kill.map(({ container }) => container.name));
  return start.some(({ container }) => ended.has(container.name));
}

/** Most updates are the echo of our own writes to the status. */
function mattersToWorker(old: Pod, pod: Pod): boolean {
  const { labels, annotations, deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const foreign = ({ status }: Pod): unknown =>
    (status?.conditions ?? []).filter(({ type }) => !ownConditionTypes.has(type));
  return (
    deletionTimestamp !== old.metadata.deletionTimestamp ||
    deletionGracePeriodSeconds !== old.metadata.deletionGracePeriodSeconds ||
    !deepEqual(labels, old.metadata.labels) ||
    !deepEqual(annotations, old.metadata.annotations) ||
    !deepEqual(pod.spec, old.spec) ||
    !deepEqual(foreign(pod), foreign(old)) ||
    hasEnded(pod.status) !== hasEnded(old.status)
  );
}
