import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Finished, Processes, run } from "../../test/harness/kubectl.ts";
import type { ConfigMap } from "../api/types/core-v1.ts";
import { RealClock } from "../apimachinery/clock.ts";
import { newClient } from "../client/client.ts";
import { HttpsTransport } from "../client/https-transport.ts";
import { loadKubeconfig, resolveContext } from "../client/kubeconfig.ts";
import { resources } from "../client/resources.ts";

const main = resolve(import.meta.dirname, "../main.ts");
const processes = new Processes();
const names = ["snap-one", "snap-two", "snap-three"] as const;
let folder = "";

const sampan = (...args: string[]): Promise<Finished> =>
  run(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      KUBECONFIG: join(folder, "kubeconfig"),
      SAMPAN_HOME: join(folder, "home"),
    },
    cwd: folder,
    processes,
  });

/** The values of a ConfigMap's key in the cluster, and the UID by which tools tell clusters apart. */
async function look(name: string): Promise<{ value: string | undefined; id: string | undefined }> {
  const kubeconfig = loadKubeconfig([join(folder, "home", name, "kubeconfig")]);
  const { transport: options } = resolveContext(kubeconfig, { context: `sampan-${name}` });
  const transport = new HttpsTransport({ ...options, clock: new RealClock() });
  try {
    const client = newClient(transport);
    const map = await client.resource(resources.configmaps).get("kept", { namespace: "default" });
    const system = await client.resource(resources.namespaces).get("kube-system");
    return { value: map.data?.["a"], id: system.metadata.uid };
  } finally {
    transport.close();
  }
}

async function write(name: string): Promise<void> {
  const kubeconfig = loadKubeconfig([join(folder, "home", name, "kubeconfig")]);
  const { transport: options } = resolveContext(kubeconfig, { context: `sampan-${name}` });
  const transport = new HttpsTransport({ ...options, clock: new RealClock() });
  const map: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "kept", namespace: "default" },
    data: { a: "b" },
  };
  await newClient(transport).resource(resources.configmaps).create(map);
  transport.close();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sampan-snapshot-cli-"));
  const { code, stderr } = await sampan("up", "--name", names[0], "--runtime", "simulated");
  if (code !== 0) throw new Error(stderr);
  await write(names[0]);
});

afterAll(async () => {
  for (const name of names) await sampan("down", "--purge", "--name", name);
  await processes.end();
  rmSync(folder, { recursive: true });
});

describe("sampan snapshot", { timeout: 120_000 }, () => {
  it("keeps a cluster that runs on, lists it, and makes others of it", async () => {
    const saved = await sampan("snapshot", "save", "loaded", "--cluster", names[0]);
    expect(saved.stdout).toMatch(
      /^Cluster "snap-one" is saved as "loaded": \d+ objects, no local volumes; \d+ KB \(.*s\)\.\n$/,
    );
    const file = join(folder, "home", ".snapshots", "loaded.sampan");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await sampan("snapshot", "list")).stdout).toMatch(
      /^NAME +CLUSTER +SAVED +OBJECTS +VOLUMES +SIZE\nloaded +snap-one +\d{4}-\S+ \S+Z +\d+ +yes +\d+ KB\n$/,
    );
    const restored = await sampan("snapshot", "restore", "loaded", "--as", names[1]);
    expect(restored.stdout).toMatch(
      /^Cluster "snap-two" has the \d+ objects of "snap-one" \(.*\)\.\nCluster "snap-two" is up at /,
    );
    const forked = await sampan("snapshot", "fork", names[0], names[2]);
    expect(forked.stdout).toContain('of "snap-one", with identities of its own');
    const [first, second, third] = await Promise.all(names.map(look));
    expect([first?.value, second?.value, third?.value]).toEqual(["b", "b", "b"]);
    expect(second?.id).toBe(first?.id);
    expect(third?.id).not.toBe(first?.id);
    expect(readdirSync(join(folder, "home", ".snapshots"))).toEqual(["loaded.sampan"]);
    expect(
      readdirSync(join(folder, "home", names[0])).filter((name) => name.startsWith("snapshot-")),
    ).toEqual([]);
  });

  it.each([
    [["save", "loaded"], 'there is a snapshot "loaded" already'],
    [["save", "-x"], "Unknown option '-x'"],
    [["save", ".."], '".." cannot be a snapshot\'s name'],
    [["save", "x", "--name", "nobody"], 'there is no cluster "nobody"'],
    [["restore", "nothing"], 'there is no snapshot "nothing"'],
    [["restore", "loaded"], 'there is a cluster "snap-one" already'],
    [["fork", "snap-one", "snap-two"], 'there is a cluster "snap-two" already'],
    [["delete", "nothing"], 'there is no snapshot "nothing"'],
    [["melt"], 'there is no "snapshot melt"'],
    [[], "say what to do with snapshots"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await sampan("snapshot", ...args);
    expect(stderr).toContain(message);
    expect(code).not.toBe(0);
  });

  it("names a file that was cut, and makes nothing of it", async () => {
    const cut = join(folder, "cut.sampan");
    copyFileSync(join(folder, "home", ".snapshots", "loaded.sampan"), cut);
    truncateSync(cut, readFileSync(cut).byteLength - 1);
    const { stderr } = await sampan("snapshot", "restore", "./cut.sampan", "--as", "never");
    expect(stderr).toContain(`${cut} is cut short: its end is missing`);
    expect(existsSync(join(folder, "home", "never"))).toBe(false);
  });

  it("is deleted by name", async () => {
    expect((await sampan("snapshot", "delete", "loaded")).stdout).toBe('Snapshot "loaded" is gone.\n');
    expect((await sampan("snapshot", "list")).stdout).toContain("There is no snapshot in ");
  });
});
