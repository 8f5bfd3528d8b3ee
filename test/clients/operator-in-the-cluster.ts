import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, Home, RunningCluster } from "../e2e/sampan.ts";
import { type BuiltImage, buildBusybox, buildImage, writeUsers } from "../images/build.ts";
import { answerOf, definition, ferry, reconciled, refusals } from "./ferries.ts";
import type { BuiltProgram } from "./programs.ts";

const config = join(import.meta.dirname, "operator/config");
const name = "operator-pods";
const system = "ferry-system";

/** The program runs as two pods, made from `config/` as kubebuilder lays it out; its webhooks are called by Service. */
export function operatorInTheCluster(program: BuiltProgram): void {
  let home: Home;
  let cluster: RunningCluster;
  let operator: RunningCluster;

  beforeAll(async () => {
    program.prepare();
    home = new Home();
    cluster = new RunningCluster(home, name);
    operator = cluster.with({ namespace: system });
    const images = [await buildBusybox(), await operatorImage(program)];
    await home.must(["image", "import", ...images.map(({ archive }) => archive), "--name", name]);
    await home.must(["up", "--name", name]);
  }, 700_000);
  afterAll(() => home?.leave());

  const boats = (deployment: string): Promise<string> =>
    cluster.get(`deployment ${deployment}`, ".status.readyReplicas");

  it("starts from its config/ as it is", async () => {
    const overlay = join(home.folder, "config/local");
    cpSync(config, join(home.folder, "config"), { recursive: true });
    mkdirSync(overlay);
    const host = `ferry-webhook-service.${system}.svc`;
    await home.must(["webhook", "cert", "--name", name, "--dir", overlay, "--host", host]);
    writeFileSync(join(overlay, "kustomization.yaml"), localOverlay(readFileSync(join(overlay, "ca.crt"))));
    await operator.kubectl(["apply", "-k", overlay]);
    await operator.rollout("deployment/ferry-controller-manager");
    // kubectl sends rules whose defaults it does not know, and text in lines, each time: nothing comes of it.
    const objects = [
      "secret/webhook-server-cert",
      "mutatingwebhookconfigurations",
      "validatingwebhookconfigurations",
    ];
    const versions = async (): Promise<string[]> =>
      await Promise.all(objects.map((each) => operator.get(each, "..metadata.resourceVersion")));
    const before = await versions();
    const again = await operator.kubectl(["apply", "-k", overlay]);
    expect(again.match(/^(?!secret|.*webhookconfiguration).* (?!unchanged$)\S+$/gm)).toBeNull();
    expect(await versions()).toEqual(before);
  });

  it("is asked for defaults, validation and conversion through its Service", async () => {
    await cluster.kubectl(["apply", "-f", join(config, "samples/ferries.yaml")]);
    expect((await ferry(cluster, "old")).spec).toEqual({
      boats: 2,
      harbor: "main",
      image: "busybox:latest",
      route: { from: "kowloon", to: "lamma" },
    });
    expect((await ferry(cluster, "new", "v1beta1")).spec).toMatchObject({ size: 1, line: "kowloon-macau" });
    for (const [, yaml, said] of refusals) {
      expect((await cluster.try(["apply", "-f", "-"], { input: yaml })).stderr).toBe(said);
    }
  });

  it("makes pods that run", async () => {
    await reconciled(cluster, "old");
    expect(await boats("old")).toBe("2");
    await eventually(async () =>
      expect(await cluster.events("Ferry", "old")).toContain("Launched launched 2 boats"),
    );
  });

  it("shows metrics to a service account that may see them", async () => {
    const service = "service ferry-controller-manager-metrics-service";
    const url = `https://${await operator.get(service, ".spec.clusterIP")}:8443/metrics`;
    const account = `--serviceaccount=${system}:default`;
    const token = async (): Promise<string> =>
      (await operator.kubectl(["create", "token", "default"])).trim();
    expect(await answerOf(url)).toMatchObject({ status: 401 });
    expect(await answerOf(url, await token())).toMatchObject({ status: 403 });
    await cluster.kubectl([
      "create",
      "clusterrolebinding",
      "r",
      "--clusterrole=ferry-metrics-reader",
      account,
    ]);
    const { status, body } = await eventually(async () => {
      const answer = await answerOf(url, await token());
      expect(answer.status).toBe(200);
      return answer;
    }, 30_000);
    expect([status, body]).toEqual([200, expect.stringContaining("leader_election_master_status")]);
  });

  it("goes on when the pod that leads is killed", async () => {
    const holder = async (): Promise<string> =>
      (await operator.get("lease ferry.harbor.sampan.dev", ".spec.holderIdentity")).replace(/_.*/, "");
    const before = await holder();
    await operator.kubectl(["delete", "pod", before, "--force", "--grace-period=0", "--wait=false"]);
    await eventually(async () => {
      await cluster.kubectl(["scale", "ferry/old", "--replicas=1"]);
      expect(await boats("old")).toBe("1");
    }, 40_000);
    expect(await holder()).not.toBe(before);
  });

  it("goes on when the server is killed and started again", async () => {
    process.kill(home.serverPid(name), "SIGKILL");
    await home.must(["up", "--name", name]);
    await cluster.kubectl(["scale", "ferry/old", "--replicas=2"]);
    await eventually(async () => expect(await boats("old")).toBe("2"), 40_000);
  });

  it("goes as it came", async () => {
    await cluster.kubectl(["delete", "fy", "--all", "--timeout=40s"]);
    expect(await cluster.get("configmap ferry-ledger", ".data.old")).toBe("berth is free");
    // The namespace goes first, and takes along what kubectl has yet to come to.
    const all = ["delete", "-k", join(home.folder, "config/local"), "--ignore-not-found", "--timeout=50s"];
    await operator.kubectl(all);
    const gone = await cluster.try(["get", "crd", definition]);
    expect(gone.stderr).toContain(`customresourcedefinitions.apiextensions.k8s.io "${definition}" not found`);
  });
}

/** A static program and nothing else, under the name that `config/manager` asks for. */
function operatorImage({ file }: BuiltProgram): Promise<BuiltImage> {
  const program = createHash("sha256").update(readFileSync(file)).digest("hex");
  return buildImage({
    name: "ferry:test",
    packages: [],
    programs: [],
    config: { Entrypoint: ["/manager"], User: "65532:65532", Labels: { program } },
    fill: (root) => {
      writeUsers(root);
      copyFileSync(file, join(root, "manager"));
      chmodSync(join(root, "manager"), 0o755);
    },
  });
}

/** What cert-manager does where it is installed: the webhooks' certificate, and its authority where the server looks. */
function localOverlay(authority: Buffer): string {
  const caBundle = (kind: string, path: string): string => `- target: { kind: ${kind} }
  patch: '[{ "op": "add", "path": "${path}/clientConfig/caBundle", "value": "${authority.toString("base64")}" }]'
`;
  return `resources: [../default]
generatorOptions: { disableNameSuffixHash: true }
secretGenerator:
- { name: webhook-server-cert, namespace: ${system}, type: kubernetes.io/tls, files: [tls.crt, tls.key] }
patches:
${caBundle("MutatingWebhookConfiguration", "/webhooks/0")}${caBundle("ValidatingWebhookConfiguration", "/webhooks/0")}${caBundle("CustomResourceDefinition", "/spec/conversion/webhook")}`;
}
