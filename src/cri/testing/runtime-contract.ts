/** What every container runtime promises to the kubelet, as tests. Each implementation runs them against itself. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type ContainerConfig,
  type ContainerStatus,
  CriError,
  type RuntimeEvent,
  type RuntimeService,
} from "../runtime.ts";
import { containerConfig, sandboxConfig } from "./configs.ts";

/** How a container of a test is to behave; each runtime knows what configuration makes it so. */
export type Behaviour =
  | { readonly kind: "runs" }
  /** Ends by itself at once. */
  | { readonly kind: "exits"; readonly code: number }
  /** Runs, and does not end on the stop signal. */
  | { readonly kind: "ignoresStop" };

export interface RuntimeSubject {
  readonly runtime: RuntimeService;
  /** A folder for logs. */
  readonly logDirectory: string;
  /** What to set in a container's configuration for that behaviour: image, command, annotations. */
  behave(behaviour: Behaviour): Partial<ContainerConfig>;
  /** Lets time pass, on whatever clock, until the condition holds; throws when it never does. */
  until(condition: () => Promise<boolean>): Promise<void>;
  /** Closes the runtime and opens it again over the same state; absent where state is in memory only. */
  restart?(): Promise<RuntimeService>;
  dispose(): Promise<void>;
}

export function runtimeContract(
  name: string,
  open: () => Promise<RuntimeSubject>,
  options: { readonly skip?: boolean } = {},
): void {
  describe.skipIf(options.skip === true)(`${name} keeps the contract of a runtime`, () => {
    let subject: RuntimeSubject;
    let runtime: RuntimeService;
    beforeEach(async () => {
      subject = await open();
      runtime = subject.runtime;
    });
    afterEach(async () => {
      await subject.dispose();
    });

    const sandbox = (pod = "pod", attempt = 0): Promise<string> =>
      runtime.runPodSandbox(sandboxConfig(pod, { attempt, logDirectory: `${subject.logDirectory}/${pod}` }));
    const container = (
      sandboxId: string,
      behaviour: Behaviour,
      changes: Partial<ContainerConfig> = {},
    ): Promise<string> =>
      runtime.createContainer(
        sandboxId,
        containerConfig("main", { ...subject.behave(behaviour), ...changes }),
      );
    const started = async (behaviour: Behaviour): Promise<{ sandboxId: string; id: string }> => {
      const sandboxId = await sandbox();
      const id = await container(sandboxId, behaviour);
      await runtime.startContainer(id);
      return { sandboxId, id };
    };
    const ended = async (id: string): Promise<ContainerStatus> => {
      await subject.until(async () => (await runtime.containerStatus(id)).state === "exited");
      return runtime.containerStatus(id);
    };

    test("status() names the runtime and says that it is ready", async () => {
      const status = await runtime.status();
      expect(status.ready).toBe(true);
      expect(status.name).toMatch(/^sampan-/);
    });

    describe("sandboxes", () => {
      test("are ready with an address when runPodSandbox() resolves", async () => {
        const id = await sandbox("web-0");
        const status = await runtime.podSandboxStatus(id);
        expect(status).toMatchObject({
          id,
          name: "web-0",
          namespace: "default",
          uid: "uid-web-0",
          attempt: 0,
          state: "ready",
          labels: { app: "web-0" },
        });
        expect(status.ips).toHaveLength(1);
        expect(await runtime.listPodSandboxes()).toEqual([status]);
      });

      test("have addresses that no other has", async () => {
        const ids = await Promise.all(["a", "b", "c"].map((pod) => sandbox(pod)));
        const statuses = await Promise.all(ids.map((id) => runtime.podSandboxStatus(id)));
        expect(new Set(statuses.flatMap(({ ips }) => ips)).size).toBe(3);
      });

      test("have none on the host's network", async () => {
        const id = await runtime.runPodSandbox(
          sandboxConfig("host", { hostNetwork: true, logDirectory: subject.logDirectory }),
        );
        expect((await runtime.podSandboxStatus(id)).ips).toEqual([]);
      });

      test("of one pod may follow each other", async () => {
        const first = await sandbox("pod", 0);
        await runtime.stopPodSandbox(first);
        const second = await sandbox("pod", 1);
        expect((await runtime.podSandboxStatus(first)).state).toBe("notReady");
        expect((await runtime.podSandboxStatus(second)).state).toBe("ready");
      });

      test("stop with what runs in them, and stay until they are removed", async () => {
        const { sandboxId, id } = await started({ kind: "runs" });
        await runtime.stopPodSandbox(sandboxId);
        expect((await runtime.podSandboxStatus(sandboxId)).state).toBe("notReady");
        expect((await ended(id)).exitCode).not.toBe(0);
        await runtime.removePodSandbox(sandboxId);
        expect(await runtime.listPodSandboxes()).toEqual([]);
        expect(await runtime.listContainers()).toEqual([]);
      });

      test("that are gone are stopped and removed with success", async () => {
        const id = await sandbox();
        for (let times = 0; times < 2; times++) {
          await runtime.stopPodSandbox(id);
        }
        for (let times = 0; times < 2; times++) {
          await runtime.removePodSandbox(id);
        }
        await expect(runtime.stopPodSandbox("never-was")).resolves.toBeUndefined();
      });

      test("that are unknown are notFound", async () => {
        await expect(runtime.podSandboxStatus("none")).rejects.toMatchObject({ code: "notFound" });
        await expect(container("none", { kind: "runs" })).rejects.toBeInstanceOf(CriError);
      });
    });

    describe("containers", () => {
      test("are created, then running, then exited", async () => {
        const sandboxId = await sandbox();
        const id = await container(sandboxId, { kind: "runs" }, { attempt: 3 });
        expect(await runtime.containerStatus(id)).toMatchObject({
          id,
          sandboxId,
          name: "main",
          attempt: 3,
          state: "created",
          labels: { container: "main" },
          logPath: `${subject.logDirectory}/pod/main/0.log`,
        });
        await runtime.startContainer(id);
        const running = await runtime.containerStatus(id);
        expect(running.state).toBe("running");
        expect(running.startedAtMs).toBeGreaterThanOrEqual(running.createdAtMs);
        await runtime.stopContainer(id, 0);
        const status = await ended(id);
        expect(status.exitCode).toBe(137);
        expect(status.finishedAtMs).toBeGreaterThan(0);
      });

      test.each([
        [0, "Completed"],
        [7, "Error"],
      ])("that end by themselves with %i say so", async (code, reason) => {
        const { id } = await started({ kind: "exits", code });
        expect(await ended(id)).toMatchObject({ exitCode: code, reason });
      });

      test("are listed by sandbox", async () => {
        const { sandboxId, id } = await started({ kind: "runs" });
        const other = await sandbox("other");
        const second = await container(other, { kind: "runs" });
        expect((await runtime.listContainers({ sandboxId })).map((status) => status.id)).toEqual([id]);
        expect((await runtime.listContainers()).map((status) => status.id).toSorted()).toEqual(
          [id, second].toSorted(),
        );
      });

      test("that ignore the stop signal are killed after the timeout", async () => {
        const { id } = await started({ kind: "ignoresStop" });
        const stopping = runtime.stopContainer(id, 50);
        await subject.until(async () => (await runtime.containerStatus(id)).state === "exited");
        await stopping;
        expect((await runtime.containerStatus(id)).exitCode).toBe(137);
      });

      test("that have ended or are gone are stopped and removed with success", async () => {
        const { id } = await started({ kind: "exits", code: 0 });
        await ended(id);
        await runtime.stopContainer(id, 0);
        for (let times = 0; times < 2; times++) {
          await runtime.removeContainer(id);
        }
        await runtime.removeContainer("never-was");
        await expect(runtime.containerStatus(id)).rejects.toMatchObject({ code: "notFound" });
      });

      test("run while they are removed: they are killed first", async () => {
        const { id } = await started({ kind: "runs" });
        await runtime.removeContainer(id);
        expect(await runtime.listContainers()).toEqual([]);
      });

      test("of a stopped sandbox cannot be created", async () => {
        const sandboxId = await sandbox();
        await runtime.stopPodSandbox(sandboxId);
        await expect(container(sandboxId, { kind: "runs" })).rejects.toBeInstanceOf(CriError);
      });

      test("that are not running refuse commands and terminals", async () => {
        const sandboxId = await sandbox();
        const id = await container(sandboxId, { kind: "runs" });
        await expect(runtime.execSync(id, ["true"], 1000)).rejects.toBeInstanceOf(CriError);
        await expect(runtime.execSync("none", ["true"], 1000)).rejects.toMatchObject({ code: "notFound" });
      });
    });

    test("events() tells of starts and ends", async () => {
      const seen: RuntimeEvent[] = [];
      const done = new AbortController();
      const reading = (async () => {
        for await (const event of runtime.events(done.signal)) seen.push(event);
      })();
      const { sandboxId, id } = await started({ kind: "exits", code: 0 });
      await subject.until(async () =>
        seen.some((event) => event.type === "stopped" && event.containerId === id),
      );
      done.abort();
      await reading;
      expect(seen).toContainEqual({ type: "started", sandboxId, containerId: id });
      expect(seen).toContainEqual({ type: "stopped", sandboxId, containerId: id });
    });

    test("a restart finds everything as it was", async () => {
      if (subject.restart === undefined) return;
      const { sandboxId, id } = await started({ kind: "runs" });
      const [sandboxBefore, containerBefore] = [
        await runtime.podSandboxStatus(sandboxId),
        await runtime.containerStatus(id),
      ];
      runtime = await subject.restart();
      expect(await runtime.podSandboxStatus(sandboxId)).toEqual(sandboxBefore);
      expect(await runtime.containerStatus(id)).toEqual(containerBefore);
      await runtime.stopContainer(id, 0);
      expect((await ended(id)).exitCode).toBe(137);
    });
  });
}
