import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { plainSecurity } from "../testing/configs.ts";
import { AddressPool, parseCidr } from "./addresses.ts";
import { allCapabilities, containerCapabilities } from "./capabilities.ts";
import { cleanMessage } from "./conmon.ts";
import { signalNumber } from "./containers.ts";
import { KeyedLock, Limiter } from "./limiter.ts";
import { defaultSeccompProfile, seccompProfile } from "./seccomp.ts";
import { readInRoot, resolveUser } from "./users.ts";

describe("AddressPool", () => {
  test("gives each address once, and lets it rest before it is given again", () => {
    const pool = new AddressPool("10.1.2.0/29");
    expect(pool.gateway).toBe("10.1.2.1");
    expect([pool.take(), pool.take()]).toEqual(["10.1.2.2", "10.1.2.3"]);
    pool.release("10.1.2.2");
    expect([pool.take(), pool.take(), pool.take()]).toEqual(["10.1.2.4", "10.1.2.5", "10.1.2.6"]);
    expect(pool.take()).toBe("10.1.2.2");
    expect(() => pool.take()).toThrow("all pod addresses of this node are in use");
  });

  test("does not give what a restart found in use", () => {
    const pool = new AddressPool("10.1.2.0/24");
    pool.restore("10.1.2.9");
    expect(pool.take()).toBe("10.1.2.10");
    expect(Array.from({ length: 251 }, () => pool.take())).not.toContain("10.1.2.9");
  });

  test.each(["10.1.2.0", "10.1.2.0/31", "10.1.2.0/4", "10.1.2.300/24", "x/24"])("%s is no range", (cidr) => {
    expect(() => parseCidr(cidr)).toThrow("is not a range of pod addresses");
  });
});

describe("containerCapabilities()", () => {
  const none = { privileged: false, add: [], drop: [] };
  test.each([
    ["the default", none, 14],
    ["ALL dropped", { ...none, drop: ["ALL"] }, 0],
    ["ALL dropped, one added", { ...none, drop: ["all"], add: ["NET_BIND_SERVICE"] }, 1],
    ["ALL added", { ...none, add: ["ALL"] }, allCapabilities.length],
    [
      "ALL added, one dropped",
      { ...none, add: ["ALL"], drop: ["CAP_SYS_ADMIN"] },
      allCapabilities.length - 1,
    ],
    ["privileged", { ...none, privileged: true, drop: ["ALL"] }, allCapabilities.length],
  ])("%s", (_, request, count) => {
    expect(containerCapabilities(request, allCapabilities)).toHaveLength(count);
  });

  test("passes on only what this host's user holds", () => {
    expect(containerCapabilities({ ...none, add: ["SYS_RESOURCE"] }, ["CAP_CHOWN"])).toEqual(["CAP_CHOWN"]);
  });

  test("refuses one that does not exist", () => {
    expect(() => containerCapabilities({ ...none, add: ["FLY"] }, [])).toThrow(
      "unknown capability to add or drop: CAP_FLY",
    );
  });
});

describe("seccomp", () => {
  interface Rule {
    readonly names: string[];
    readonly action: string;
    readonly args?: unknown;
  }
  const rules = (capabilities: readonly string[]): Rule[] =>
    defaultSeccompProfile(capabilities, "x64")["syscalls"] as Rule[];
  const plain = (capabilities: readonly string[]): string[] => rules(capabilities)[0]?.names ?? [];

  test("refuses by default, and allows mounting with CAP_SYS_ADMIN only", () => {
    expect(defaultSeccompProfile([], "x64")).toMatchObject({
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86_64"],
    });
    for (const call of ["mount", "setns", "bpf", "init_module", "reboot", "keyctl", "clone"]) {
      expect(plain([])).not.toContain(call);
    }
    expect(plain(["CAP_SYS_ADMIN"])).toContain("mount");
    expect(plain([])).toEqual(expect.arrayContaining(["read", "futex", "openat2", "arch_prctl"]));
  });

  test("lets processes be made, but not namespaces", () => {
    expect(rules([]).find(({ names }) => names.includes("clone"))?.args).toEqual([
      { index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" },
    ]);
  });

  test("unconfined and privileged containers have no filter", () => {
    expect(seccompProfile({ ...plainSecurity, seccomp: "unconfined" }, [], "/")).toBeUndefined();
    expect(seccompProfile({ ...plainSecurity, privileged: true }, [], "/")).toBeUndefined();
    expect(() =>
      seccompProfile({ ...plainSecurity, seccomp: { localhostProfile: "none.json" } }, [], "/nowhere"),
    ).toThrow('cannot load seccomp profile "none.json"');
  });
});

describe("users", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sampan-users-"));
    mkdirSync(join(root, "etc"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const request = (user: string, group?: number): Parameters<typeof resolveUser>[1] => ({
    user,
    supplementalGroups: [],
    ...(group !== undefined && { group }),
  });

  test("an image without passwd has numbers only", () => {
    expect(resolveUser(root, request("1000:2000"))).toEqual({
      uid: 1000,
      gid: 2000,
      groups: [2000],
      home: "/",
    });
    expect(resolveUser(root, request(""))).toMatchObject({ uid: 0, gid: 0 });
    expect(() => resolveUser(root, request("web"))).toThrow("unable to find user web");
  });

  test("names and memberships come from the image", () => {
    writeFileSync(join(root, "etc/passwd"), "web:x:33:44::/var/www:/bin/sh\n");
    writeFileSync(join(root, "etc/group"), "web:x:44:\nextra:x:50:a,web\nnamed:x:60:\n");
    expect(resolveUser(root, request("web"))).toEqual({
      uid: 33,
      gid: 44,
      groups: [44, 50],
      home: "/var/www",
    });
    expect(resolveUser(root, request("33"))).toMatchObject({ gid: 44 });
    expect(resolveUser(root, request("web:named"))).toMatchObject({ gid: 60 });
    expect(resolveUser(root, request("web", 70))).toMatchObject({ gid: 70, groups: [70, 50] });
    expect(() => resolveUser(root, request("web:none"))).toThrow("unable to find group none");
  });

  test("a link in the image does not lead to the host's files", () => {
    symlinkSync("/etc/hostname", join(root, "etc/passwd"));
    expect(readInRoot(root, "/etc/passwd")).toBeUndefined();
    symlinkSync("../../../../etc/hostname", join(root, "etc/group"));
    expect(readInRoot(root, "/etc/group")).toBeUndefined();
    writeFileSync(join(root, "etc/hostname"), "the image's");
    expect(readInRoot(root, "/etc/passwd")).toBe("the image's");
  });
});

describe("order", () => {
  test("Limiter lets so many run at a time, in order", async () => {
    const limiter = new Limiter(2);
    const started: number[] = [];
    const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
    const jobs = gates.map((gate, index) =>
      limiter.run(async () => {
        started.push(index);
        await gate.promise;
      }),
    );
    await Promise.resolve();
    expect(started).toEqual([0, 1]);
    gates[1]?.resolve();
    await jobs[1];
    expect(started).toEqual([0, 1, 2]);
    for (const gate of gates) gate.resolve();
    await Promise.all(jobs);
    expect(started).toEqual([0, 1, 2, 3]);
  });

  test("KeyedLock keeps jobs of one key apart, also after one failed", async () => {
    const lock = new KeyedLock();
    const order: string[] = [];
    const failing = lock.run("a", async () => {
      await Promise.resolve();
      order.push("first");
      throw new Error("no");
    });
    const second = lock.run("a", async () => void order.push("second"));
    const other = lock.run("b", async () => void order.push("other"));
    await expect(failing).rejects.toThrow("no");
    await Promise.all([second, other]);
    expect(order).toEqual(["other", "first", "second"]);
  });
});

describe("words of the runtimes", () => {
  test.each([
    [
      "2026-11-21T09:00:00.000000Z: executable file `x` not found in $PATH",
      "executable file `x` not found in $PATH",
    ],
    ['time="2026-11-21T10:02:34Z" level=error msg="exec: \\"x\\": not found"', 'exec: "x": not found'],
    ["plain\n", "plain"],
  ])("%j is %j", (line, message) => {
    expect(cleanMessage(line)).toBe(message);
  });

  test.each([
    ["SIGTERM", "SIGTERM"],
    ["quit", "SIGQUIT"],
    ["15", 15],
    ["SIGRTMIN+3", 37],
    ["RTMAX", 64],
  ])("the signal %s is %s", (text, signal) => {
    expect(signalNumber(text)).toBe(signal);
  });
});
