import { expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { SimulatedImages } from "./images.ts";

const images = () => new SimulatedImages({ clock: new VirtualClock() });

test("an image is there once it was pulled, by short and by full name, by id and digest", async () => {
  const service = images();
  expect(await service.imageStatus("nginx")).toBeUndefined();
  const id = await service.pullImage("nginx", { credentials: [] });
  const found = await service.imageStatus("docker.io/library/nginx:latest");
  expect(found?.id).toBe(id);
  expect(await service.imageStatus(id)).toBe(found);
  expect(await service.imageStatus(found?.repoDigests[0] ?? "")).toBe(found);
  await service.removeImage(id);
  expect(await service.listImages()).toEqual([]);
});

test("images whose name begins with missing are in no registry", async () => {
  await expect(images().pullImage("example.com/missing:1", { credentials: [] })).rejects.toMatchObject({
    code: "notFound",
  });
});

test("a pull takes the time it was given and ends when aborted", async () => {
  const clock = new VirtualClock();
  const service = new SimulatedImages({ clock, pullMs: 1_000 });
  const stop = new AbortController();
  const pull = service.pullImage("nginx", { credentials: [], signal: stop.signal });
  stop.abort();
  await expect(pull).rejects.toThrow("aborted");
  expect(await service.imageStatus("nginx")).toBeUndefined();
});

test("images name a user without privileges, or the one that was asked for", async () => {
  const service = images();
  await service.pullImage("nginx", { credentials: [] });
  expect((await service.imageStatus("nginx"))?.user).toBe("65532");
  const asRoot = new SimulatedImages({ clock: new VirtualClock(), user: "" });
  await asRoot.pullImage("nginx", { credentials: [] });
  expect((await asRoot.imageStatus("nginx"))?.user).toBe("");
});
