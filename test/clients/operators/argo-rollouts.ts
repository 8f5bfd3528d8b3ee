import { join } from "node:path";
import { eventually } from "../../e2e/sampan.ts";
import type { KnownOperator, Trial } from "./operator.ts";

const namespace = "argo-rollouts";

/** Deployments that go out in steps: the first steps of its documentation, "Basic Usage". */
export const argoRollouts: KnownOperator = {
  name: "argo-rollouts",
  module: "github.com/argoproj/argo-rollouts",
  version: "v1.10.0",
  programs: [
    {
      main: "cmd/rollouts-controller",
      image: "quay.io/argoproj/argo-rollouts:latest",
      path: "/bin/rollouts-controller",
      user: 999,
    },
  ],
  standIns: ["argoproj/rollouts-demo:blue", "argoproj/rollouts-demo:yellow", "argoproj/rollouts-demo:red"],
  async tryOut({ cluster, source, worked }: Trial) {
    const own = cluster.with({ namespace });
    await cluster.kubectl(["create", "namespace", namespace]);
    await own.kubectl(["apply", "--server-side", "-f", join(source, "manifests/install.yaml")]);
    // Its manifest asks the registry each time; what lies here is to do.
    const local = [
      { op: "replace", path: "/spec/template/spec/containers/0/imagePullPolicy", value: "Never" },
    ];
    await own.kubectl(["patch", "deployment", namespace, "--type=json", "-p", JSON.stringify(local)]);
    await own.rollout("deployment/argo-rollouts");
    worked("installed from manifests/install.yaml");

    for (const file of ["rollout.yaml", "service.yaml"])
      await cluster.kubectl(["apply", "-f", join(source, "docs/getting-started/basic", file)]);
    const rollout = (path: string): Promise<string> => cluster.get("rollout rollouts-demo", path);
    const becomes = (path: string, wanted: string): Promise<void> =>
      eventually(async () => {
        const found = await rollout(path);
        if (found !== wanted)
          throw new Error(`${path} of the rollout is ${JSON.stringify(found)}, not ${wanted}`);
      }, 90_000);
    await becomes(".status.phase", "Healthy");
    worked("a Rollout has its five pods");

    const patch = (body: object, ...flags: string[]): Promise<string> =>
      cluster.kubectl([
        "patch",
        "rollout",
        "rollouts-demo",
        "--type=merge",
        "-p",
        JSON.stringify(body),
        ...flags,
      ]);
    const image = (colour: string): Promise<string> =>
      patch({ spec: { template: { spec: { containers: [container(colour)] } } } });
    await image("yellow");
    await becomes(".status.phase", "Paused");
    await becomes(".status.canary.weights", "");
    await becomes(".status.updatedReplicas", "1");
    worked("a canary of 20 % waits");

    // What `kubectl argo rollouts promote` does.
    await patch({ status: { pauseConditions: null } }, "--subresource=status");
    await becomes(".status.phase", "Healthy");
    await becomes(".status.updatedReplicas", "5");
    worked("promoted, it goes through all its steps");

    await image("red");
    await becomes(".status.phase", "Paused");
    await patch({ status: { abort: true } }, "--subresource=status");
    await becomes(".status.phase", "Degraded");
    await becomes(".status.readyReplicas", "5");
    worked("aborted, it goes back");

    await cluster.kubectl(["scale", "rollout/rollouts-demo", "--replicas=2"]);
    await becomes(".status.HPAReplicas", "2");
    await cluster.kubectl(["delete", "rollout", "rollouts-demo"]);
    await cluster.waitFor("pod -l app=rollouts-demo", "delete");
    worked("scaled through its subresource, and deleted with its pods");
  },
};

const container = (colour: string): object => ({
  name: "rollouts-demo",
  image: `argoproj/rollouts-demo:${colour}`,
  ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
});
