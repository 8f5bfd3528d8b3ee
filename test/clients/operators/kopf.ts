import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { eventually, type Following } from "../../e2e/sampan.ts";
import { freePort } from "../../harness/cluster.ts";
import type { KnownOperator, Trial } from "./operator.ts";

const environment = resolve(import.meta.dirname, "../../../.cache/operators/kopf");

/** The operator of `kopf/lanterns.py`, on the framework that most operators in Python stand on; it runs on this machine. */
export const kopf: KnownOperator = {
  name: "kopf",
  version: "1.45.2",
  async tryOut({ cluster, source, worked }: Trial) {
    const program = install(join(source, "kopf/requirements.txt"));
    const certificates = join(cluster.home.folder, "certs");
    await cluster.home.must(["webhook", "cert", "--name", cluster.name, "--dir", certificates]);
    await cluster.kubectl(["apply", "-f", join(source, "kopf/definitions.yaml")]);
    await cluster.waitFor("crd --all", "condition=Established");
    await cluster.apply(peering);
    const start = async (priority: number): Promise<Following> => {
      const words = [
        "run",
        "-A",
        "--peering=lanterns",
        `--priority=${priority}`,
        join(source, "kopf/lanterns.py"),
      ];
      const port = String(await freePort());
      return cluster.home.follow(program, words, { WEBHOOK_CERTS: certificates, WEBHOOK_PORT: port });
    };
    const first = await start(20);
    await eventually(() =>
      cluster.kubectl(["get", "validatingwebhookconfiguration", "lanterns.harbor.sampan.dev"]),
    );
    const status = async (name: string): Promise<Record<string, unknown>> =>
      JSON.parse((await cluster.get(`lantern ${name}`, ".status")) || "{}") as Record<string, unknown>;

    await cluster.apply(lantern("a"));
    await becomes(() => status("a"), { light: { colour: "white" }, slow: { tries: 3 } });
    worked("defaults by its webhook, handlers that are tried again, results in status");

    const paint = (colour: string): string[] => [
      "patch",
      "lantern",
      "a",
      "--type=merge",
      "-p",
      JSON.stringify({ spec: { colour } }),
    ];
    const { stderr } = await cluster.try(paint("black"));
    if (!stderr.endsWith("denied the request: a black lantern gives no light\n")) throw new Error(stderr);
    await cluster.kubectl(paint("blue"));
    await becomes(() => status("a"), { painted: "white to blue" });
    worked("validation with warnings, a handler of a field");

    const second = await start(10);
    const peers = async (): Promise<string[]> =>
      Object.keys(JSON.parse(await cluster.get("clusterkopfpeering lanterns", ".status")) as object);
    await eventually(async () => {
      if ((await peers()).length !== 2) throw new Error(`the second is not among ${(await peers()).join()}`);
    }, 40_000);
    await cluster.kubectl(paint("red"));
    await becomes(() => status("a"), { painted: "blue to red" });
    if (second.text.includes("Resuming")) throw new Error(second.text);
    await first.stop();
    await second.until(/Resuming operations/, 40_000);
    await cluster.kubectl(["create", "configmap", "barrel"]);
    await cluster.kubectl(["label", "configmap", "barrel", "oil=olive"]);
    await second.until(/oil: \['olive'\]/);
    worked("the second waits for the first, and takes over when it is gone; an index");

    await cluster.kubectl(["delete", "lantern", "a", "--timeout=30s"]);
    await second.until(/put out a/);
    worked("its finalizer");
  },
};

function install(requirements: string): string {
  const program = join(environment, "bin/kopf");
  if (existsSync(program)) return program;
  for (const words of [
    ["python3", "-m", "venv", environment],
    [join(environment, "bin/python"), "-m", "pip", "install", "--quiet", "-r", requirements],
  ]) {
    const [file = "", ...args] = words;
    const { status, stderr } = spawnSync(file, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  }
  return program;
}

async function becomes(
  get: () => Promise<Record<string, unknown>>,
  wanted: Record<string, unknown>,
): Promise<void> {
  await eventually(async () => {
    const found = await get();
    for (const [key, value] of Object.entries(wanted))
      if (JSON.stringify(found[key]) !== JSON.stringify(value)) throw new Error(JSON.stringify(found));
  }, 30_000);
}

const peering = `apiVersion: kopf.dev/v1
kind: ClusterKopfPeering
metadata: { name: lanterns }
`;

const lantern = (name: string): string => `apiVersion: harbor.sampan.dev/v1
kind: Lantern
metadata: { name: ${name} }
spec: {}
`;
