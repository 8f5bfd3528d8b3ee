import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, type RunningCluster } from "../../e2e/sampan.ts";
import type { KnownOperator, Trial } from "./operator.ts";

const image = "quay.io/prometheus-operator";
const version = "v0.88.0";

/** Prometheus by custom resources: its "Getting Started", with a program that waits in the place of Prometheus. */
export const prometheusOperator: KnownOperator = {
  name: "prometheus-operator",
  module: "github.com/prometheus-operator/prometheus-operator",
  version,
  programs: [
    {
      main: "cmd/operator",
      image: `${image}/prometheus-operator:${version}`,
      path: "/bin/operator",
      user: 65534,
    },
    {
      main: "cmd/prometheus-config-reloader",
      image: `${image}/prometheus-config-reloader:${version}`,
      path: "/bin/prometheus-config-reloader",
      user: 65534,
    },
    {
      main: "cmd/admission-webhook",
      image: `${image}/admission-webhook:${version}`,
      path: "/bin/admission-webhook",
      user: 65534,
    },
  ],
  async tryOut({ cluster, source, worked }: Trial) {
    await cluster.kubectl(["create", "-f", join(source, "bundle.yaml")]);
    await cluster.rollout("deployment/prometheus-operator");
    worked("installed from bundle.yaml: ten definitions of 4.4 MB");

    await cluster.apply(prometheus);
    await eventually(() => cluster.kubectl(["get", "statefulset", "prometheus-main"]), 60_000);
    await eventually(() => cluster.kubectl(["get", "pod", "prometheus-main-1"]), 60_000);
    worked("a Prometheus is a StatefulSet with two pods");

    const configuration = async (): Promise<string> =>
      await cluster.get("secret prometheus-main", ".data.prometheus\\.yaml\\.gz");
    const before = await configuration();
    await cluster.apply(monitors);
    await eventually(async () => {
      if ((await configuration()) === before) throw new Error("the configuration names no new target");
    }, 60_000);
    worked("a ServiceMonitor comes into its configuration");
    await eventually(async () => {
      const rules = await cluster.kubectl(["get", "configmap", "prometheus-main-rulefiles-0", "-o", "yaml"]);
      if (!rules.includes("TooMany")) throw new Error(rules);
    }, 60_000);
    worked("a PrometheusRule comes into its rules");

    // Its scale subresource is about shards.
    await cluster.kubectl(["scale", "prometheus/main", "--replicas=2"]);
    await eventually(() => cluster.kubectl(["get", "statefulset", "prometheus-main-shard-1"]), 60_000);
    await cluster.kubectl(["delete", "prometheus", "main"]);
    await cluster.waitFor("statefulset/prometheus-main statefulset/prometheus-main-shard-1", "delete", 50);
    worked("scaled through its subresource, and deleted with what it owns");

    await serveWebhook(cluster, source);
    await eventually(() => cluster.apply(alertmanagerConfig), 60_000);
    const versioned = "alertmanagerconfigs.v1beta1.monitoring.coreos.com";
    const converted = await cluster.get(`${versioned} routes`, ".spec.route.matchers[0].matchType");
    if (converted !== "=~") throw new Error(`converted to ${converted}`);
    worked("its admission webhook converts between two versions, by Service and in reviews of v1beta1");
  },
};

/** Its guide "Admission webhook", without cert-manager. */
async function serveWebhook(cluster: RunningCluster, source: string): Promise<void> {
  const certificates = join(cluster.home.folder, "certs");
  const file = (name: string): string => join(certificates, name);
  const host = "prometheus-operator-admission-webhook.default.svc";
  await cluster.home.must(["webhook", "cert", "--name", cluster.name, "--dir", certificates, "--host", host]);
  const secret = ["tls.crt", "tls.key"].map((name) => `--from-file=${file(name)}`);
  await cluster.kubectl(["create", "secret", "generic", "admission-webhook-certs", ...secret]);
  await cluster.kubectl(["apply", "-f", join(source, "example/admission-webhook")]);
  await cluster.waitFor(
    "deployment/prometheus-operator-admission-webhook",
    "jsonpath={.status.readyReplicas}",
    60,
  );
  const definition = "alertmanagerconfigs.monitoring.coreos.com";
  const both = join(
    source,
    "example/prometheus-operator-crd-full",
    "monitoring.coreos.com_alertmanagerconfigs.yaml",
  );
  await cluster.kubectl(["replace", "-f", both]);
  const patch = join(source, "example/alertmanager-crd-conversion/patch.json");
  await cluster.kubectl(["patch", "crd", definition, "--patch-file", patch]);
  const caBundle = readFileSync(file("ca.crt")).toString("base64");
  // The patch names another port than the Service has.
  const conversion = { webhook: { clientConfig: { caBundle, service: { port: 443 } } } };
  await cluster.kubectl(["patch", "crd", definition, "-p", JSON.stringify({ spec: { conversion } })]);
}

const alertmanagerConfig = `apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: { name: routes }
spec:
  route: { receiver: all, matchers: [{ name: team, value: a.*, regex: true }] }
  receivers: [{ name: all, webhookConfigs: [{ url: "http://example.com/" }] }]
`;

const prometheus = `apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: { name: main }
spec:
  replicas: 2
  serviceAccountName: default
  serviceMonitorSelector: {}
  ruleSelector: {}
  resources: { requests: { memory: 40Mi } }
`;

const monitors = `apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  endpoints: [{ port: http, interval: 15s }]
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: { name: alerts }
spec:
  groups:
  - name: web
    rules: [{ alert: TooMany, expr: "sum(rate(requests_total[5m])) > 10", for: 5m }]
`;
