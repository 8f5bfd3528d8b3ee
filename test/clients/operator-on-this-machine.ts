import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, type Following, Home, RunningCluster } from "../e2e/sampan.ts";
import { freePort } from "../harness/cluster.ts";
import { answerOf, definition, ferry, ferryYaml, reconciled, refusals } from "./ferries.ts";
import type { BuiltProgram } from "./programs.ts";

const config = join(import.meta.dirname, "operator/config");
const name = "operator";
const configurations = ["mutating-webhook-configuration", "validating-webhook-configuration", definition];

/** One process of the operator. */
interface Replica {
  readonly process: Following;
  readonly webhooks: number;
  readonly metrics: string;
}

/** The program runs beside the cluster, whose webhooks are pointed at it; the node only pretends. */
export function operatorOnThisMachine(program: BuiltProgram): void {
  describe("on this machine", () => {
    let home: Home;
    let cluster: RunningCluster;
    let leader: Replica;
    let second: Replica;

    const start = async (): Promise<Replica> => {
      const [webhooks, metrics, probes] = [await freePort(), await freePort(), await freePort()];
      const process = home.follow(program.file, [
        "--leader-elect",
        "--lease-duration=10s",
        "--leader-election-namespace=default",
        "--harbor=main",
        `--webhook-cert-path=${join(home.folder, "certs")}`,
        `--webhook-port=${webhooks}`,
        `--metrics-bind-address=127.0.0.1:${metrics}`,
        `--health-probe-bind-address=127.0.0.1:${probes}`,
      ]);
      await process.until(/Serving webhook server/);
      return { process, webhooks, metrics: `https://127.0.0.1:${metrics}/metrics` };
    };
    /** Makes the cluster call the webhooks of a replica. */
    const point = async (port: number): Promise<void> => {
      const points = configurations.flatMap((each) => ["--point", each]);
      const where = ["--dir", join(home.folder, "certs"), "--port", String(port)];
      await home.must(["webhook", "cert", "--name", name, ...where, ...points]);
    };
    const replicas = (deployment: string): Promise<string> =>
      cluster.get(`deployment ${deployment}`, ".spec.replicas");

    beforeAll(async () => {
      program.prepare();
      home = new Home();
      cluster = new RunningCluster(home, name);
      await home.must(["up", "--runtime", "simulated", "--name", name]);
      await cluster.kubectl(["apply", "-k", join(config, "crd")]);
      await cluster.kubectl(["apply", "-f", join(config, "webhook/manifests.yaml")]);
      await home.must(["webhook", "cert", "--name", name, "--dir", join(home.folder, "certs")]);
      leader = await start();
      await point(leader.webhooks);
      await leader.process.until(/Starting workers/);
      second = await start();
    }, 700_000);
    afterAll(() => home?.leave());

    it("converts what is written in its old version, and fills in defaults", async () => {
      const applied = await cluster.try(["apply", "-f", join(config, "samples/ferries.yaml")]);
      expect(applied).toMatchObject({
        stdout: "ferry.harbor.sampan.dev/old created\nferry.harbor.sampan.dev/new created\n",
        stderr: "Warning: harbor.sampan.dev/v1beta1 Ferry is deprecated; use harbor.sampan.dev/v1\n",
      });
      const stored = await ferry(cluster, "old");
      expect(stored.spec).toEqual({
        boats: 2,
        harbor: "main",
        image: "busybox:latest",
        route: { from: "kowloon", to: "lamma" },
      });
      expect(stored.metadata.annotations).toMatchObject({
        "harbor.sampan.dev/ordered-by": "kubernetes-admin",
      });
      const old = await ferry(cluster, "new", "v1beta1");
      expect(old.apiVersion).toBe("harbor.sampan.dev/v1beta1");
      expect(old.spec).toEqual({ size: 1, harbor: "main", image: "busybox:latest", line: "kowloon-macau" });
    });

    it.each(refusals)("refuses what is wrong: %s", async (_, yaml, said) => {
      const { stderr, code } = await cluster.try(["apply", "-f", "-"], { input: yaml });
      expect({ stderr, code }).toEqual({ stderr: said, code: 1 });
    });

    it("refuses a change that a rule forbids, and warns", async () => {
      const patch = (spec: object): string[] => [
        "patch",
        "fy",
        "new",
        "--type=merge",
        "-p",
        JSON.stringify({ spec }),
      ];
      expect((await cluster.try(patch({ harbor: "south" }))).stderr).toBe(
        'The Ferry "new" is invalid: spec.harbor: Invalid value: "south": a ferry does not change its harbor\n',
      );
      expect(await cluster.try(patch({ boats: 11 }))).toMatchObject({
        code: 0,
        stderr: "Warning: 11 boats will wait for each other\n",
      });
      await cluster.kubectl(patch({ boats: 1 }));
    });

    it("makes what a ferry asks for, and tells so in its status", async () => {
      const { status, metadata } = await reconciled(cluster, "old");
      expect(status?.conditions).toMatchObject([{ message: "2 of 2 boats are ready" }]);
      expect(metadata.finalizers).toEqual(["harbor.sampan.dev/berth"]);
      expect(await replicas("old")).toBe("2");
      expect(await cluster.get("deployment old", ".metadata.ownerReferences[0].uid")).toBe(metadata.uid);
      await eventually(async () =>
        expect(await cluster.events("Ferry", "old")).toContain("Launched launched 2 boats"),
      );
    });

    it("lets what it owns follow: scaled, changed through what it refers to, made again", async () => {
      await cluster.kubectl(["scale", "ferry/old", "--replicas=3"]);
      await eventually(async () => expect(await replicas("old")).toBe("3"));
      await cluster.kubectl(["create", "configmap", "tides", "--from-literal=times=6:00"]);
      await cluster.kubectl([
        "patch",
        "fy",
        "old",
        "--type=merge",
        "-p",
        '{"spec":{"timetableRef":"tides"}}',
      ]);
      const timetable = (text: string): Promise<void> =>
        eventually(async () =>
          expect(await cluster.get("configmap old-timetable", ".data.timetable")).toBe(
            `kowloon to lamma ${text}`,
          ),
        );
      await timetable("6:00");
      await cluster.kubectl(["patch", "configmap", "tides", "-p", '{"data":{"times":"7:00"}}']);
      await timetable("7:00");
      await cluster.kubectl(["delete", "deployment", "old"]);
      await eventually(async () => expect(await replicas("old")).toBe("3"));
      await reconciled(cluster, "old");
    });

    it("sees only what the field that it selects by lets through", async () => {
      await cluster.apply(ferryYaml("southern", "harbor: south, route: { from: a, to: b }"));
      await cluster.apply(ferryYaml("northern", "route: { from: a, to: b }"));
      await reconciled(cluster, "northern");
      const southern = await ferry(cluster, "southern");
      expect([southern.status, southern.metadata.finalizers]).toEqual([undefined, undefined]);
      const selected = await cluster.kubectl([
        "get",
        "fy",
        "--field-selector=spec.harbor=south",
        "-o",
        "name",
      ]);
      expect(selected).toBe("ferry.harbor.sampan.dev/southern\n");
    });

    it("shows metrics to who may see them", async () => {
      await cluster.kubectl(["create", "serviceaccount", "reader"]);
      const token = (await cluster.kubectl(["create", "token", "reader"])).trim();
      expect(await answerOf(leader.metrics)).toMatchObject({ status: 401 });
      expect(await answerOf(leader.metrics, token)).toMatchObject({ status: 403 });
      await cluster.kubectl([
        "create",
        "clusterrole",
        "metrics-reader",
        "--verb=get",
        "--non-resource-url=/metrics",
      ]);
      const binding = ["metrics-reader", "--clusterrole=metrics-reader", "--serviceaccount=default:reader"];
      await cluster.kubectl(["create", "clusterrolebinding", ...binding]);
      // The operator keeps what it was told about a reader for some seconds; another token is another reader.
      const other = (await cluster.kubectl(["create", "token", "reader", "--duration=20m"])).trim();
      await eventually(async () => {
        const { status, body } = await answerOf(leader.metrics, other);
        expect(status).toBe(200);
        expect(body).toMatch(/controller_runtime_reconcile_total\{controller="ferry",result="success"\} \d/);
      }, 30_000);
    });

    it("goes on when the server is killed and started again", async () => {
      process.kill(home.serverPid(name), "SIGKILL");
      await home.must(["up", "--runtime", "simulated", "--name", name]);
      // Its informers hear of what was there and of what comes.
      await cluster.kubectl(["scale", "ferry/old", "--replicas=1"]);
      await cluster.apply(ferryYaml("later", "route: { from: a, to: b }"));
      await eventually(async () => expect(await replicas("old")).toBe("1"));
      await reconciled(cluster, "later");
      expect(leader.process.text).not.toContain("leader election lost");
    });

    it("is taken over by the second replica when the first is killed", async () => {
      const holder = (): Promise<string> =>
        cluster.get("lease ferry.harbor.sampan.dev", ".spec.holderIdentity");
      const before = await holder();
      expect(second.process.text).not.toContain("Starting workers");
      await leader.process.kill();
      await point(second.webhooks);
      await cluster.kubectl(["scale", "ferry/old", "--replicas=2"]);
      await second.process.until(/Starting workers/, 30_000);
      expect(await holder()).not.toBe(before);
      await eventually(async () => expect(await replicas("old")).toBe("2"));
      expect(await cluster.get("lease ferry.harbor.sampan.dev", ".spec.leaseTransitions")).toBe("1");
    });

    it("is asked no more when its manifests are applied again, until they are pointed here again", async () => {
      await cluster.kubectl(["apply", "-k", join(config, "crd")]);
      await cluster.kubectl(["apply", "-f", join(config, "webhook/manifests.yaml")]);
      const label = ["label", "fy", "old", "applied=again"];
      expect((await cluster.try(label)).stderr).toContain('service "webhook-service" not found');
      await point(second.webhooks);
      await cluster.kubectl(label);
    });

    it("cleans up before a ferry goes, and not against its webhook", async () => {
      await cluster.kubectl(["label", "fy", "new", "harbor.sampan.dev/protected=true"]);
      expect((await cluster.try(["delete", "fy", "new"])).stderr).toBe(
        'Error from server (Forbidden): admission webhook "vferry-v1.kb.io" denied the request: ferry new is protected\n',
      );
      await cluster.kubectl(["label", "fy", "new", "harbor.sampan.dev/protected-"]);
      await cluster.kubectl(["delete", "fy", "new", "old", "--timeout=30s"]);
      expect(JSON.parse(await cluster.get("configmap ferry-ledger", ".data"))).toEqual({
        new: "berth is free",
        old: "berth is free",
      });
      await cluster.waitFor("deployment/new deployment/old configmap/old-timetable", "delete");
    });
  });
}
