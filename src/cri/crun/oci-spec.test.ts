import { describe, expect, test } from "vitest";
import type { ImageConfig } from "../../images/image-config.ts";
import type { ContainerConfig } from "../runtime.ts";
import { containerConfig, plainSecurity } from "../testing/configs.ts";
import { commandOf, runtimeSpec, type SpecInput } from "./oci-spec.ts";

const image: ImageConfig = {
  architecture: "amd64",
  os: "linux",
  user: "",
  env: ["PATH=/image/bin", "FROM_IMAGE=1"],
  entrypoint: ["/entry"],
  command: ["default"],
  workingDir: "/work",
  stopSignal: "",
  volumes: [],
  diffIds: [],
};

function input(config: Partial<ContainerConfig> = {}, changes: Partial<SpecInput> = {}): SpecInput {
  return {
    config: containerConfig("main", config),
    image,
    user: { uid: 5, gid: 6, groups: [6, 7], home: "/home/five" },
    hostname: "web-0",
    rootfs: "/rootfs",
    cgroupPath: "/p/pod/c",
    capabilities: ["CAP_CHOWN"],
    seccomp: undefined,
    namespaces: { mount: "new", network: "/ns/net" },
    podFiles: [{ containerPath: "/etc/hostname", hostPath: "/pod/hostname" }],
    imageFiles: [],
    hostDevices: [],
    openFiles: { soft: 10, hard: 20 },
    oomScoreAdjMin: 0,
    ...changes,
  };
}

interface Spec {
  readonly process: { args: string[]; env: string[]; cwd: string; user: object; oomScoreAdj: number };
  readonly mounts: { destination: string; source: string; options: string[] }[];
  readonly linux: {
    maskedPaths: string[];
    resources: { devices: object[]; memory?: object; cpu: object };
    namespaces: object[];
    devices: { path: string }[];
  };
}

const spec = (config?: Partial<ContainerConfig>, changes?: Partial<SpecInput>): Spec =>
  JSON.parse(JSON.stringify(runtimeSpec(input(config, changes)))) as Spec;

describe("commandOf() follows CRI's rule", () => {
  test.each([
    [[], [], ["/entry", "default"]],
    [[], ["arg"], ["/entry", "arg"]],
    [["cmd"], [], ["cmd"]],
    [["cmd"], ["arg"], ["cmd", "arg"]],
  ])("command %j, args %j → %j", (command, args, expected) => {
    expect(commandOf(containerConfig("main", { command, args }), image)).toEqual(expected);
  });

  test("nothing to run is refused", () => {
    expect(() => commandOf(containerConfig("main"), { ...image, entrypoint: [], command: [] })).toThrow(
      "no command specified",
    );
  });
});

describe("runtimeSpec()", () => {
  test("a pod's variables win over the image's, and HOME is the user's unless set", () => {
    const { env } = spec({
      env: [
        { name: "FROM_IMAGE", value: "2" },
        { name: "EQUALS", value: "a=b" },
      ],
    }).process;
    expect(env).toEqual([
      "PATH=/image/bin",
      "HOSTNAME=web-0",
      "FROM_IMAGE=2",
      "EQUALS=a=b",
      "HOME=/home/five",
    ]);
    expect(spec({ env: [{ name: "HOME", value: "/x" }] }).process.env).toContain("HOME=/x");
  });

  test("the working folder is the pod's, else the image's, else the root", () => {
    expect(spec().process.cwd).toBe("/work");
    expect(spec({ workingDir: "/own" }).process.cwd).toBe("/own");
    expect(spec({}, { image: { ...image, workingDir: "" } }).process.cwd).toBe("/");
  });

  test("a volume takes the place of a pod file, and outer mounts come before inner ones", () => {
    const mount = (containerPath: string): ContainerConfig["mounts"][number] => ({
      containerPath,
      hostPath: `/volumes${containerPath}`,
      readonly: true,
      propagation: "private",
    });
    const { mounts } = spec({ mounts: [mount("/data/inner/"), mount("/etc/hostname"), mount("/data")] });
    expect(mounts.filter(({ destination }) => destination === "/etc/hostname")).toEqual([
      expect.objectContaining({ source: "/volumes/etc/hostname", options: ["rbind", "rprivate", "ro"] }),
    ]);
    expect(mounts.map(({ destination }) => destination).slice(-3)).toEqual([
      "/data",
      "/data/inner",
      "/etc/hostname",
    ]);
  });

  test("images are mounted read-only and without programs, in order with the volumes", () => {
    const volume = { hostPath: "/volumes/data", readonly: false, propagation: "private" } as const;
    const { mounts } = spec(
      { mounts: [{ containerPath: "/image/data", ...volume }] },
      { imageFiles: [{ containerPath: "/image/", hostPath: "/images/0/rootfs" }] },
    );
    expect(mounts.slice(-2)).toEqual([
      {
        destination: "/image",
        type: "bind",
        source: "/images/0/rootfs",
        options: ["rbind", "rprivate", "ro", "nosuid", "nodev", "noexec"],
      },
      expect.objectContaining({ destination: "/image/data" }),
    ]);
  });

  test("scores below what this user may give are raised to it", () => {
    expect(spec({ resources: { oomScoreAdj: -997 } }).process.oomScoreAdj).toBe(0);
    expect(spec({ resources: { oomScoreAdj: -997 } }, { oomScoreAdjMin: -1000 }).process.oomScoreAdj).toBe(
      -997,
    );
  });

  test("limits that are not set do not appear", () => {
    expect(spec().linux.resources).toEqual({ devices: [{ allow: false, access: "rwm" }], cpu: {} });
    expect(
      spec({ resources: { memoryLimitBytes: 1000, cpuShares: 2, cpuQuotaUs: 5 } }).linux.resources,
    ).toMatchObject({
      memory: { limit: 1000 },
      cpu: { shares: 2, quota: 5 },
    });
  });

  test("the privileged see all devices and nothing is hidden; others get the devices that they name", () => {
    const device = {
      path: "/dev/kvm",
      type: "c" as const,
      major: 10,
      minor: 232,
      mode: 0o660,
      uid: 0,
      gid: 1,
      access: "rwm",
    };
    const privileged = spec({ security: { ...plainSecurity, privileged: true } }, { hostDevices: [device] });
    expect(privileged.linux.devices.map(({ path }) => path)).toEqual(["/dev/kvm"]);
    expect(privileged.linux.maskedPaths).toEqual([]);
    const asking = spec(
      { devices: [{ containerPath: "/dev/mine", hostPath: "/dev/kvm", permissions: "r" }] },
      { hostDevices: [device, { ...device, path: "/dev/other" }] },
    );
    expect(asking.linux.devices.map(({ path }) => path)).toEqual(["/dev/mine"]);
    expect(asking.linux.resources.devices.at(-1)).toEqual({
      allow: true,
      type: "c",
      major: 10,
      minor: 232,
      access: "r",
    });
  });

  test("namespaces are made or joined by file", () => {
    expect(spec().linux.namespaces).toEqual([{ type: "mount" }, { type: "network", path: "/ns/net" }]);
  });
});
