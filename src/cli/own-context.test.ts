import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Kubeconfig, loadKubeconfig, writeContext } from "../client/kubeconfig.ts";
import { type Instance, openInstance } from "../cluster/instance.ts";
import { contextNameIn, contextNamesIn } from "./own-context.ts";

let base: string;
let register: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "sampan-contexts-"));
  register = join(base, ".machine");
  mkdirSync(register);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const clusterIn = (home: string, name: string): Promise<Instance> =>
  openInstance({ name, runtime: "simulated" }, join(base, home), { register, addresses: () => [] });

const file = (): string => join(base, "config");
const config = (): Kubeconfig => loadKubeconfig([file()]);
const nameIn = (instance: Instance): string => contextNameIn(config(), instance, register);

/** As `up` does. */
function merge(instance: Instance): string {
  const name = nameIn(instance);
  const server = `https://127.0.0.1:${instance.settings.apiPort}`;
  writeContext(file(), { name, server, ca: "", clientCertificate: "", clientKey: "" });
  return name;
}

describe("the context of a cluster", () => {
  it("is named after it", async () => {
    expect(merge(await clusterIn("one", "sampan"))).toBe("sampan");
    expect(merge(await clusterIn("one", "ci"))).toBe("sampan-ci");
  });

  it("is another one where a cluster of its name in another home has it", async () => {
    const first = await clusterIn("one", "ci");
    const second = await clusterIn("two", "ci");
    const third = await clusterIn("deeper/two", "ci");
    expect([merge(first), merge(second), merge(third)]).toEqual([
      "sampan-ci",
      "sampan-ci@two",
      "sampan-ci@two-2",
    ]);
    expect([first, second, third].map(nameIn)).toEqual(["sampan-ci", "sampan-ci@two", "sampan-ci@two-2"]);
  });

  it("is that of one that is gone", async () => {
    merge(await clusterIn("one", "ci"));
    rmSync(join(base, "one"), { recursive: true });
    expect(merge(await clusterIn("two", "ci"))).toBe("sampan-ci");
  });

  it("stays when the other one goes", async () => {
    const first = await clusterIn("one", "ci");
    const second = await clusterIn("two", "ci");
    merge(first);
    merge(second);
    rmSync(first.directory, { recursive: true });
    expect(nameIn(second)).toBe("sampan-ci@two");
  });

  it("goes with it, and leaves those of others", async () => {
    const first = await clusterIn("one", "ci");
    const second = await clusterIn("two", "ci");
    merge(first);
    merge(second);
    expect(contextNamesIn(config(), first, register)).toEqual(["sampan-ci"]);
    expect(contextNamesIn(config(), second, register)).toEqual(["sampan-ci@two"]);
  });

  it("goes with one that is damaged, unless it is another's", async () => {
    const first = await clusterIn("one", "ci");
    merge(first);
    const damaged = { name: "ci", directory: join(base, "two", "ci") };
    expect(contextNamesIn(config(), damaged, register)).toEqual([]);
    rmSync(first.directory, { recursive: true });
    expect(contextNamesIn(config(), damaged, register)).toEqual(["sampan-ci"]);
  });
});
