import { describe, expect, test } from "vitest";
import type { PodSpec } from "../api/types/core-v1.ts";
import { app, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

describe("images", () => {
  const site = (reference: string, pullPolicy = "IfNotPresent"): Partial<PodSpec> => ({
    volumes: [{ name: "site", image: { reference, pullPolicy } }],
    containers: [
      newContainer("app", { volumeMounts: [{ name: "site", mountPath: "/site", subPath: "a" }] }),
      newContainer("other"),
    ],
  });

  test("of a volume are pulled before the containers start, and named to the runtime", async () => {
    const h = await started();
    await h.createPod("web", site("site:1", "Always"));
    expect((await h.pod("web")).status?.phase).toBe("Running");
    const image = await h.images.imageStatus("site:1");
    const [container] = (await h.runtime.listContainers()).filter(({ name }) => name === "app");
    expect(container?.mountedImageIds).toEqual([image?.id]);
    expect(h.runtime.configOf(container?.id ?? "").imageMounts).toEqual([
      { containerPath: "/site", imageId: image?.id, subPath: "a" },
    ]);
    expect(h.events).toContain('web Normal Pulling: Pulling image "site:1"');
  });

  test("of a volume that cannot be had keep back those containers that mount it", async () => {
    const h = await started();
    await h.createPod("bad", site("missing:1"));
    expect((await h.pod("bad")).status?.containerStatuses?.[1]?.state?.running).toBeDefined();
    expect(h.events).toContain("bad spec.containers{app} Warning Failed: Error: ErrImagePull");
    await h.advance(1_000);
    expect(app(await h.pod("bad"))?.state?.waiting).toEqual({
      reason: "ImagePullBackOff",
      message:
        'Back-off pulling image "missing:1": ErrImagePull: failed to resolve reference "docker.io/library/missing:1": missing:1: not found',
    });
    expect(h.events).toContain('bad Normal BackOff: Back-off pulling image "missing:1"');
    h.images.add("missing:1");
    await h.advance(9_000);
    expect((await h.pod("bad")).status?.phase).toBe("Running");
  });

  test.each([
    [
      "missing:1",
      "Never",
      "ErrImageNeverPull",
      'Container image "missing:1" is not present with pull policy of Never',
    ],
    ["No/Such", "Always", "InvalidImageName", 'Failed to apply default image tag "No/Such"'],
  ])("of a volume: %s with policy %s is %s", async (reference, policy, reason, message) => {
    const h = await started();
    await h.createPod("bad", site(reference, policy));
    const waiting = app(await h.pod("bad"))?.state?.waiting;
    expect(waiting?.reason).toBe(reason);
    expect(waiting?.message).toContain(message);
  });

  test("one that is in no registry is tried again with a back-off", async () => {
    const h = await started();
    await h.createPod("bad", { containers: [newContainer("app", { image: "missing:1" })] });
    expect(app(await h.pod("bad"))?.state?.waiting?.reason).toBe("ErrImagePull");
    await h.advance(1_000);
    expect(app(await h.pod("bad"))?.state?.waiting).toEqual({
      reason: "ImagePullBackOff",
      message:
        'Back-off pulling image "missing:1": ErrImagePull: failed to resolve reference "docker.io/library/missing:1": missing:1: not found',
    });
    expect((await h.pod("bad")).status?.phase).toBe("Pending");
    h.images.add("missing:1");
    await h.advance(9_000);
    expect((await h.pod("bad")).status?.phase).toBe("Running");
    expect(h.events).toContain("bad spec.containers{app} Warning Failed: Error: ErrImagePull");
    expect(h.events).toContain('bad spec.containers{app} Normal BackOff: Back-off pulling image "missing:1"');
  });

  test.each([
    [
      "Bad_Name",
      "IfNotPresent",
      "InvalidImageName",
      "invalid reference format: repository name must be lowercase",
    ],
    [
      "absent:1",
      "Never",
      "ErrImageNeverPull",
      'Container image "absent:1" is not present with pull policy of Never',
    ],
  ])("%s with policy %s waits with %s", async (image, imagePullPolicy, reason, message) => {
    const h = await started();
    await h.createPod("bad", { containers: [newContainer("app", { image, imagePullPolicy })] });
    const waiting = app(await h.pod("bad"))?.state?.waiting;
    expect(waiting?.reason).toBe(reason);
    expect(waiting?.message).toContain(message);
  });

  test("an imported one satisfies policy Always, and an event says so", async () => {
    const h = await started();
    h.images.add("nginx:latest", { pinned: true });
    await h.createPod("web", {
      containers: [newContainer("app", { image: "nginx", imagePullPolicy: "Always" })],
    });
    expect((await h.pod("web")).status?.phase).toBe("Running");
    expect(h.events.filter((event) => event.includes("Pull"))).toEqual([
      'web spec.containers{app} Normal Pulled: Container image "nginx" already present on machine and can be accessed by the pod (it was imported: pull policy Always is satisfied)',
    ]);
  });

  test("a missing pull secret is a warning, not a failure", async () => {
    const h = await started();
    await h.createPod("web", { imagePullSecrets: [{ name: "regcred" }] });
    expect((await h.pod("web")).status?.phase).toBe("Running");
    expect(h.events).toContain(
      "web Warning FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.",
    );
  });

  test("credentials of the pull secret reach the registry", async () => {
    const seen: unknown[] = [];
    const registry = (_: string, { credentials }: { credentials: readonly unknown[] }): undefined => {
      seen.push(...credentials);
    };
    const h = await started({ images: { registry } });
    const auths = { "https://example.com": { username: "u", password: "p" }, "other.com": { auth: "eDp5" } };
    const data = { ".dockerconfigjson": Buffer.from(JSON.stringify({ auths })).toString("base64") };
    await h.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "regcred", namespace: "default" },
      data,
    });
    await h.createPod("web", { imagePullSecrets: [{ name: "regcred" }] });
    expect(seen).toEqual([{ username: "u", password: "p" }]);
  });
});

describe("the image in a container's status", () => {
  test.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["grafana/loki:3", "docker.io/grafana/loki:3"],
    ["localhost:5000/app:1", "localhost:5000/app:1"],
  ])("%s is called by its full name once there is a container", async (image, shown) => {
    const h = await started();
    await h.createPod("web", { containers: [newContainer("app", { image })] });
    const pod = await h.pod("web");
    expect(app(pod)?.image).toBe(shown);
    expect(pod.spec.containers[0]?.image).toBe(image);
  });

  test("is what the pod asked for while there is none", async () => {
    const h = await started();
    await h.createPod("web", { containers: [newContainer("app", { image: "missing" })] });
    expect(app(await h.pod("web"))).toMatchObject({ image: "missing", imageID: "", state: { waiting: {} } });
  });
});
