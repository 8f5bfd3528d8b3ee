import { X509Certificate } from "node:crypto";
import { appendFileSync, cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../e2e/sampan.ts";
import { ModuleBuild } from "./build.ts";
import type { KnownOperator, OperatorProgram, Trial } from "./operator.ts";

const version = "v1.11.5";
const program = (part: string): OperatorProgram => ({
  main: `cmd/${part}`,
  image: `quay.io/jetstack/cert-manager-${part}:${version}`,
  path: `/app/cmd/${part}/${part}`,
  user: 1000,
});

/**
 * Certificates by custom resources: its chart installed by helm, with the check after installation, then issuers and
 * certificates. Later versions keep their programs in modules that are not published; this is the last that can be built.
 */
export const certManager: KnownOperator = {
  name: "cert-manager",
  module: "github.com/cert-manager/cert-manager",
  version,
  programs: ["controller", "webhook", "cainjector", "ctl"].map(program),
  async tryOut({ cluster, source, worked }: Trial) {
    const helm = new ModuleBuild({ module: "helm.sh/helm/v3", version: "v3.22.0" }, () => {}).program(
      "cmd/helm",
    );
    const chart = join(cluster.home.folder, "cert-manager");
    writeChart(source, chart);
    const context = ["--kube-context", `sampan-${cluster.name}`, "--namespace", "cert-manager"];
    const install = [
      "install",
      "cert-manager",
      chart,
      "--create-namespace",
      "--set",
      "installCRDs=true",
      "--wait",
    ];
    const installed = await cluster.home.run(helm, [...install, ...context], { timeoutMs: 180_000 });
    if (installed.code !== 0) throw new Error(`helm: ${installed.stdout}${installed.stderr}`);
    worked("installed by helm 3, which waits for it and runs its check after installation");

    await cluster.apply(authority);
    await cluster.waitFor("certificate/authority certificate/web", "condition=Ready", 60);
    const text = await cluster.get("secret web-tls", ".data.tls\\.crt");
    const certificate = new X509Certificate(Buffer.from(text, "base64"));
    if (certificate.subjectAltName !== "DNS:web.example.com") throw new Error(certificate.toString());
    worked("a self-signed authority issues a certificate into a Secret");

    const refused = await cluster.try(["apply", "-f", "-"], { input: nameless });
    if (!refused.stderr.includes("at least one of commonName, dnsNames")) throw new Error(refused.stderr);
    worked("its webhook refuses a certificate without a name");

    // What `cmctl renew` does.
    const renewal = JSON.stringify({ status: { conditions: [issuing()] } });
    const patch = ["patch", "certificate", "web", "--subresource=status", "--type=merge", "-p", renewal];
    await cluster.kubectl(patch);
    await eventually(async () => {
      if ((await cluster.get("secret web-tls", ".data.tls\\.crt")) === text) throw new Error("not renewed");
    }, 60_000);
    worked("a certificate is renewed");

    const removed = await cluster.home.run(helm, ["uninstall", "cert-manager", "--wait", ...context]);
    if (removed.code !== 0) throw new Error(`helm: ${removed.stdout}${removed.stderr}`);
    await cluster.waitFor("crd/certificates.cert-manager.io", "delete", 60);
    worked("uninstalled by helm, with its definitions and their objects");
  },
};

/** What its release does: versions are filled in, and the definitions become a template. */
function writeChart(source: string, chart: string): void {
  mkdirSync(chart);
  cpSync(join(source, "deploy/charts/cert-manager"), chart, { recursive: true });
  const template = readFileSync(join(chart, "Chart.template.yaml"), "utf8");
  writeFileSync(join(chart, "Chart.yaml"), template.replaceAll("v0.1.0", version));
  const crds = join(chart, "templates/crds.yaml");
  writeFileSync(crds, "{{- if .Values.installCRDs }}\n");
  for (const file of globSync("deploy/crds/crd-*.yaml", { cwd: source }).sort()) {
    appendFileSync(
      crds,
      `---\n${readFileSync(join(source, file), "utf8").replace(/^.*\{\{- include "labels".*\n/m, "")}`,
    );
  }
  appendFileSync(crds, "{{- end }}\n");
}

const issuing = (): object => ({
  type: "Issuing",
  status: "True",
  reason: "ManuallyTriggered",
  message: "renewed by hand",
  lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ""),
});

const authority = `apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: { name: self-signed }
spec: { selfSigned: {} }
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: { name: authority }
spec:
  isCA: true
  commonName: authority
  secretName: authority-tls
  privateKey: { algorithm: ECDSA, size: 256 }
  issuerRef: { name: self-signed, kind: ClusterIssuer }
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: { name: authority }
spec: { ca: { secretName: authority-tls } }
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: { name: web }
spec: { secretName: web-tls, dnsNames: [web.example.com], issuerRef: { name: authority } }
`;

const nameless = `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: { name: nameless }
spec: { secretName: nameless, issuerRef: { name: authority } }
`;
