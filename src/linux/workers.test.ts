import { afterEach, expect, test } from "vitest";
import { setWorkerResolver, workerUrl } from "./workers.ts";

afterEach(() => setWorkerResolver((source) => source));

test("in the source tree a worker is its own file", () => {
  const source = new URL("./system.worker.ts", import.meta.url);
  expect(workerUrl(source)).toEqual(source);
});

test("a program that embeds Sampan may say where workers are", () => {
  setWorkerResolver(() => new URL("file:///elsewhere/system.js"));
  expect(workerUrl(new URL("./system.worker.ts", import.meta.url)).pathname).toBe("/elsewhere/system.js");
});
