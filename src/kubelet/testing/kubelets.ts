import { afterEach } from "vitest";
import { Harness } from "./harness.ts";

/** Starts kubelets, each of which is stopped after its test. To be called once in a file of tests. */
export function kubelets(): (...options: ConstructorParameters<typeof Harness>) => Promise<Harness> {
  const running: Harness[] = [];
  afterEach(async () => {
    for (const harness of running.splice(0)) await harness.stop();
  });
  return async (...options) => {
    const harness = new Harness(...options);
    running.push(harness);
    await harness.start();
    return harness;
  };
}
