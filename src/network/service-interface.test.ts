import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  serviceInterfaceCommands,
  serviceInterfaceRemoval,
  serviceRouteCommands,
} from "./service-interface.ts";

const settings = {
  interfacePrefix: "test0",
  serviceCidr: "10.96.0.0/16",
  podCidr: "10.244.0.0/16",
  addresses: ["10.96.0.1", "10.96.0.10"],
};
const canUseNetns = process.getuid?.() === 0 && spawnSync("ip", ["-V"]).status === 0;
if (!canUseNetns) console.log("skipped: the service interface (needs root and ip)");

describe.skipIf(!canUseNetns)("serviceInterfaceCommands()", () => {
  const namespace = `sampan-svc-${process.pid}`;
  const ip = (args: string[], input = "") =>
    spawnSync("ip", ["-netns", namespace, ...args], { input, encoding: "utf8" });
  beforeEach(() => {
    spawnSync("ip", ["netns", "add", namespace]);
  });
  afterEach(() => {
    spawnSync("ip", ["netns", "delete", namespace]);
  });

  it("makes an interface with both addresses and the route, also when it was there before", () => {
    for (const turn of ["first", "second"]) {
      ip(["-force", "-batch", "-"], serviceInterfaceCommands(settings));
      const addresses = ip(["-4", "-o", "addr", "show", "dev", "test0svc"]).stdout;
      expect(addresses, turn).toContain("10.96.0.1/32");
      expect(addresses, turn).toContain("10.96.0.10/32");
      expect(ip(["route"]).stdout, turn).toContain("10.96.0.0/16 dev test0svc scope link src 10.96.0.1");
    }
  });

  it("leads further ranges to the same interface, until they are gone", () => {
    ip(["-force", "-batch", "-"], serviceInterfaceCommands(settings));
    ip(["-force", "-batch", "-"], serviceRouteCommands(settings, ["10.200.0.0/24", "10.201.0.0/24"], []));
    ip(["-force", "-batch", "-"], serviceRouteCommands(settings, [], ["10.201.0.0/24"]));
    expect(ip(["route"]).stdout).toContain("10.200.0.0/24 dev test0svc scope link src 10.96.0.1");
    expect(ip(["route"]).stdout).not.toContain("10.201");
  });

  it("refuses addresses of pods that are not there", () => {
    ip(["-force", "-batch", "-"], serviceInterfaceCommands(settings));
    expect(ip(["route", "get", "10.244.0.7"]).stderr).toContain("No route to host");
  });

  it("leaves nothing when it is taken away", () => {
    ip(["-force", "-batch", "-"], serviceInterfaceCommands(settings));
    ip(["-batch", "-"], serviceInterfaceRemoval(settings));
    expect(ip(["-o", "link"]).stdout).not.toContain("test0");
    expect(ip(["route"]).stdout).toBe("");
  });
});
