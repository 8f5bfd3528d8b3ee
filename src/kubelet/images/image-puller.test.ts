import { expect, test, vi } from "vitest";
import type { Secret } from "../../api/types/core-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { CriError, type ImageInfo } from "../../cri/runtime.ts";
import { newPod } from "../testing/harness.ts";
import { ImagePuller } from "./image-puller.ts";

const wanted = { image: "r.example.com/app", policy: "Always" };
const pod = newPod("web", { imagePullSecrets: [{ name: "s" }] });

/** Pulls end when the test says how. */
function start(readSecret: () => Promise<Secret | undefined> = () => Promise.resolve(undefined)) {
  const pulls: PromiseWithResolvers<string>[] = [];
  const image: ImageInfo = {
    id: "sha256:1",
    repoTags: [],
    repoDigests: [],
    sizeBytes: 1,
    pinned: false,
    user: "",
    entrypoint: [],
    command: [],
  };
  let isPulled = false;
  const images: ConstructorParameters<typeof ImagePuller>[0]["images"] = {
    imageStatus: () => Promise.resolve(isPulled ? image : undefined),
    pullImage: () => {
      const pull = Promise.withResolvers<string>();
      pulls.push(pull);
      return pull.promise;
    },
  };
  const puller = new ImagePuller({
    images,
    clock: new VirtualClock(),
    events: { event: () => undefined },
    readSecret,
  });
  const done = (): void => {
    isPulled = true;
    pulls[0]?.resolve(image.id);
  };
  return { puller, pulls, done };
}

const broken = new CriError("unavailable", "no route to host");

test("a pod that is deleted while its credentials are read pulls nothing", async () => {
  const secret = Promise.withResolvers<Secret | undefined>();
  const { puller, pulls } = start(() => secret.promise);
  const gone = new AbortController();
  const ensured = puller.ensure(pod, wanted, gone.signal);
  await vi.waitFor(() => undefined);
  gone.abort(new Error("the pod is gone"));
  secret.resolve(undefined);
  await expect(ensured).rejects.toThrow("the pod is gone");
  expect(pulls).toEqual([]);
});

test("a pull that fails after its pod is gone fails for nobody", async () => {
  const { puller, pulls } = start();
  const gone = new AbortController();
  const ensured = puller.ensure(pod, wanted, gone.signal);
  await vi.waitFor(() => expect(pulls).toHaveLength(1));
  gone.abort(new Error("the pod is gone"));
  await expect(ensured).rejects.toThrow("the pod is gone");
  pulls[0]?.reject(broken);
  // Vitest fails the run for a rejection that nobody takes.
  await new Promise((resolve) => setImmediate(resolve));
});

test("a pull goes on for the others when the pod that asked first is deleted", async () => {
  const { puller, pulls, done } = start();
  const gone = new AbortController();
  const first = puller.ensure(pod, wanted, gone.signal);
  const second = puller.ensure(newPod("other"), wanted, new AbortController().signal);
  await vi.waitFor(() => expect(pulls).toHaveLength(1));
  gone.abort(new Error("the pod is gone"));
  await expect(first).rejects.toThrow("the pod is gone");
  done();
  expect((await second).id).toBe("sha256:1");
});
