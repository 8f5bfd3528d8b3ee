import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectlBinaries } from "../../test/harness/kubectl.ts";
import { RealClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { SystemRandom } from "../apimachinery/random.ts";
import { newEventRecorder } from "../client/event-recorder.ts";
import { writeContext } from "../client/kubeconfig.ts";
import { resources } from "../client/resources.ts";
import { SharedInformerFactory } from "../client/shared-informer-factory.ts";
import { Cluster } from "../cluster/cluster.ts";
import { ControllerManager } from "./manager.ts";
import { pretendKubelet } from "./testing/pretend-kubelet.ts";

/** kubectl judges rollouts by status, conditions and revisions: what its oldest and newest here make of ours. */
const binaries = kubectlBinaries(["1.27", "1.33"]).map(({ path }) => path);

const manifest = (kind: string, replicas: boolean): string => `
apiVersion: apps/v1
kind: ${kind}
metadata: {name: web}
spec:
  ${replicas ? "replicas: 2" : ""}
  ${kind === "StatefulSet" ? "serviceName: web" : ""}
  selector: {matchLabels: {app: ${kind}}}
  template:
    metadata: {labels: {app: ${kind}}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: "v1"}]}
`;

const clock = new RealClock();
const random = new SystemRandom();
const stop = new AbortController();
let cluster: Cluster;
let folder: string;

beforeAll(async () => {
  if (binaries.length === 0) return;
  cluster = new Cluster({ scheduler: false, controllers: (name) => name !== "node-lifecycle-controller" });
  await cluster.startApi();
  await cluster.bootstrap();
  const port = await cluster.listen({ address: "127.0.0.1", port: 0 });
  await cluster.startControllers();
  folder = mkdtempSync(join(tmpdir(), "sampan-rollout-"));
  const { authority, admin } = cluster.pki;
  writeContext(join(folder, "kubeconfig"), {
    name: "test",
    server: `https://127.0.0.1:${port}`,
    ca: authority.certificate,
    clientCertificate: admin.certificate,
    clientKey: admin.key,
  });
  const client = cluster.client();
  const informers = new SharedInformerFactory({ client, clock, logger: silentLogger });
  const events = newEventRecorder({ client, clock, random, component: "kubelet" });
  new ControllerManager({
    registrations: [pretendKubelet({ brokenImages: ["bad"] })],
    clock,
    logger: silentLogger,
    newContext: (_, signal) => ({ client, informers, events, clock, random, logger: silentLogger, signal }),
  }).startAll();
  informers.start(stop.signal).catch(() => undefined);
  const nodes = client.resource(resources.nodes);
  await nodes.create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" }, spec: {} });
  await nodes.patch("n1", { spec: { taints: null } }, { type: "merge" });
  for (const kind of ["Deployment", "StatefulSet", "DaemonSet"]) {
    writeFileSync(join(folder, `${kind}.yaml`), manifest(kind, kind !== "DaemonSet"));
  }
});

afterAll(async () => {
  stop.abort();
  if (binaries.length === 0) return;
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

function run(binary: string, command: string): Promise<string> {
  const env = { ...process.env, KUBECONFIG: join(folder, "kubeconfig"), HOME: folder };
  return new Promise((resolve) => {
    execFile(binary, command.split(" "), { env, cwd: folder }, (error, stdout, stderr) => {
      const text = `${stdout}${stderr}`.replace(/^WARNING: version difference.*\n/gm, "");
      resolve(error === null ? text : `exit ${error.code}: ${text}`);
    });
  });
}

const short = (binary: string): string => binary.replace(/^.*\//, "");

describe.skipIf(binaries.length === 0).each(binaries.map((binary) => [short(binary), binary] as const))(
  "%s",
  (_, binary) => {
    it.each([
      ["Deployment", "deployment.apps/web", "deployment", 'deployment "web" successfully rolled out'],
      [
        "StatefulSet",
        "statefulset.apps/web",
        "statefulset",
        /statefulset rolling update complete|roll out complete/,
      ],
      ["DaemonSet", "daemonset.apps/web", "daemonset", 'daemon set "web" successfully rolled out'],
    ])("rolls a %s out, lists its history, undoes and restarts it", async (kind, object, type, done) => {
      const name = `${type}/web`;
      const kubectl = (command: string) => run(binary, command);
      const image = () => kubectl(`get ${name} -o jsonpath={.spec.template.spec.containers[0].image}`);
      expect(await kubectl(`apply -f ${kind}.yaml`)).toBe(`${object} created\n`);
      expect(await kubectl(`rollout status ${name} --timeout=20s`)).toMatch(done);
      expect(await kubectl(`set image ${name} main=v2`)).toBe(`${object} image updated\n`);
      expect(await kubectl(`rollout status ${name} --timeout=20s`)).toMatch(done);
      expect(await kubectl(`rollout history ${name}`)).toMatch(
        /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>\n/,
      );
      expect(await kubectl(`rollout history ${name} --revision=1`)).toMatch(/Image:\s+v1/);
      expect(await kubectl(`rollout undo ${name}`)).toBe(`${object} rolled back\n`);
      expect(await kubectl(`rollout status ${name} --timeout=20s`)).toMatch(done);
      expect(await image()).toBe("v1");
      expect(await kubectl(`rollout undo ${name} --to-revision=2`)).toBe(`${object} rolled back\n`);
      expect(await image()).toBe("v2");
      expect(await kubectl(`rollout restart ${name}`)).toBe(`${object} restarted\n`);
      expect(await kubectl(`rollout status ${name} --timeout=20s`)).toMatch(done);
      expect(await kubectl(`rollout history ${name}`)).toMatch(/3 +<none>\n4 +<none>\n5 +<none>\n/);
      expect(await kubectl(`delete ${name} --wait=false`)).toBe(`${type}.apps "web" deleted\n`);
      await kubectl(`wait --for=delete ${name} --timeout=20s`);
    });

    it("pauses and resumes a Deployment, and tells when it is stuck", async () => {
      const kubectl = (command: string) => run(binary, command);
      await kubectl("apply -f Deployment.yaml");
      await kubectl("rollout status deployment/web --timeout=20s");
      expect(await kubectl("rollout pause deployment/web")).toBe("deployment.apps/web paused\n");
      await kubectl("set image deployment/web main=v3");
      expect(await kubectl("rollout status deployment/web --watch=false")).toMatch(
        /^Waiting for deployment "web" rollout to finish: 0 out of 2 new replicas have been updated/,
      );
      expect(await kubectl("rollout resume deployment/web")).toBe("deployment.apps/web resumed\n");
      expect(await kubectl("rollout status deployment/web --timeout=20s")).toMatch("successfully rolled out");
      await kubectl('patch deployment web -p {"spec":{"progressDeadlineSeconds":1}}');
      await kubectl("set image deployment/web main=bad");
      expect(await kubectl("rollout status deployment/web --timeout=20s")).toMatch(
        'deployment "web" exceeded its progress deadline',
      );
      expect(await kubectl("get deployment web --no-headers")).toMatch(/^web +2\/2 +1 +2 /);
      expect(await kubectl("describe deployment web")).toMatch(
        /Progressing +False +ProgressDeadlineExceeded/,
      );
      await kubectl("delete deployment web --wait=false");
      await kubectl("wait --for=delete deployment/web --timeout=20s");
    });
  },
);
