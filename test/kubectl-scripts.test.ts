/**
 * Commands that change things, one after the other: kubectl does them in one namespace, the built-in client in another, and
 * both say the same of it.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectl } from "../src/kubectl/index.ts";
import { capturedIo } from "../src/kubectl/testing/captured-io.ts";
import { TestCluster } from "./harness/cluster.ts";
import { kubectlBinaries } from "./harness/kubectl.ts";

const [binary] = kubectlBinaries(["1.33"]);

const web = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: http}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {key: value}
`;

/** `{X}` is the namespace, what follows `<<<` standard input. Words are divided at blanks outside of quotes. */
const script = `
run r1 --image=nginx --labels=a=b
run r2 --image=nginx --restart=Never --command -- sleep 1
create deployment d1 --image=nginx --replicas=2
create deployment d2 --image=nginx:1 --image=busybox --port=80
create deployment
create deployment d1 --image=x
create job j1 --image=busybox -- date
create job j2 --from=cronjob/cj1
create cronjob cj1 --image=busybox --schedule='*/5 * * * *' -- date
create job j2 --from=cronjob/cj1
create cronjob cj2 --image=x
create configmap c1 --from-literal=a=b --from-literal=c=d --dry-run=client -o yaml
create configmap c1 --from-literal=a=b
create configmap c1 --from-literal=a=b
create configmap c2 --from-file=nope
create configmap c3 --from-env-file=nope
create secret generic s1 --from-literal=a=b
create secret tls t1 --cert=nope --key=nope
create secret tls t1
create secret docker-registry dr --docker-server=x --docker-username=u --docker-password=p --dry-run=client -o yaml
create secret docker-registry dr
create secret foo
create role r1 --verb=get --resource=pods --resource-name=a
create role r2 --verb=nope --resource=pods
create role r2 --verb=get --resource=nopes
create role r2 --verb=get
create clusterrole {X}-cr --verb=get --resource=nodes
create clusterrole {X}-cr2 --verb=get --non-resource-url=/logs/*
create clusterrole {X}-cr3 --aggregation-rule=a=b --dry-run=client -o yaml
create rolebinding rb1 --role=r1 --user=bob --group=g
create rolebinding rb2 --clusterrole=view --serviceaccount=default:default
create rolebinding rb3
create clusterrolebinding {X}-crb --clusterrole=view --user=u
create ingress i1 --rule=foo.com/=svc:80
create ingress i2 --class=nginx --default-backend=svc:http --annotation=a=b --rule=foo.com/*=svc:80 --dry-run=client -o yaml
create ingress i3
create pdb p1 --selector=a=b --min-available=1
create pdb p2 --selector=a=b
create pdb p3 --selector=a=b --min-available=1 --max-unavailable=1
create priorityclass {X}-pc --value=10 --description=x
create sa sa1
create service clusterip s1 --tcp=80:8080
create service clusterip s2 --clusterip=None
create service nodeport s3 --tcp=80
create service loadbalancer s4 --tcp=80:80
create service externalname s5 --external-name=foo.com
create service foo
create service clusterip
create token nope
create namespace {X}-ns
create ns {X}-ns
create -f -
create -f nope.yaml
expose deploy d1 --port=80 --target-port=8080 --name=e1
expose deploy d1 --port=80 --name=e2 --type=NodePort --protocol=UDP --dry-run=client -o yaml
expose pod r1 --port=80
expose deploy d1
expose svc s1 --name=e4 --port=9 --dry-run=client -o yaml
autoscale deploy d1 --min=1 --max=3 --cpu-percent=50
autoscale deploy d1
autoscale deploy nope --max=2
set image deploy/d1 nginx=nginx:2
set image deploy/d1 *=nginx:3
set image deploy/d1
set image deploy nginx=x
set image deploy --all nginx=nginx:4 --dry-run=server
set image deploy/d1 nope=x
set env deploy/d1 A=b C=d
set env deploy/d1 A-
set env deploy/d1
set env deploy/d1 foo
set resources deploy/d1 --limits=cpu=1,memory=1Gi --requests=cpu=1m
set resources deploy/d1
set selector svc/s1 x=y
set selector svc s1 x=y -o yaml --dry-run=client
set selector svc/s1
set serviceaccount deploy/d1 sa1
set sa deploy/d1
set sa deploy d1 sa1 --dry-run=server
set subject rolebinding rb1 --user=al --serviceaccount=default:x
set subject rolebinding rb1
set subject rolebinding rb1 --user=al
set subject rolebinding nope --user=al
rollout pause deploy/d1
rollout pause deploy/d1
rollout restart deploy/d1
rollout resume deploy/d1
rollout resume deploy/d1
rollout restart deploy/d1
rollout restart pod/r1
rollout restart
rollout history svc/s1
label pod r1 x=y
label pod r1 x=z
label pod r1 x=z --overwrite
label pod r1 x-
label pod r1 --list
label pod r1
label pods -l a=b q=2 --overwrite
label pod r1 'bad key'=1
label pod r1 x=bad/value
label pod r1 a=1 a-
label pod r1 q=5 --resource-version=1
label -f web.yaml z=1
label pod nope a=b
annotate pod r1 x=y
annotate pod r1 x=z
annotate pod r1 x-
annotate pod r1 --list
annotate pod r1 x=y -o name
annotate pod r1
patch pod r1 -p '{"metadata":{"labels":{"p":"1"}}}'
patch pod r1 -p '{"metadata":{"labels":{"p":"1"}}}'
patch deploy d1 --type=json -p '[{"op":"replace","path":"/spec/replicas","value":3}]'
patch deploy d1 --type=merge -p '{"spec":{"replicas":2}}' -o name
patch deploy d1 --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'
patch deploy d1 --subresource=status --type=merge -p '{"status":{"replicas":2}}' -o name
patch deploy d1 --subresource=nope -p '{}'
patch deploy d1 -p 'nope'
patch deploy d1 -p '{"spec":{"replicas":"x"}}'
patch deploy d1 --type=json -p '{}'
patch deploy d1 --type=json -p '[{"op":"test","path":"/kind","value":"x"}]'
patch deploy d1 --patch-file=nope
patch -f web.yaml -p '{"metadata":{"labels":{"u":"1"}}}'
patch deploy d1 -p '{"spec":{"replicas":1}}' --dry-run=client
scale deploy d1 --replicas=2 --current-replicas=9
scale deploy d1 d2 --replicas=1
scale deploy --all --replicas=1
scale --replicas=1
scale pod r1 --replicas=1
scale deploy d1 --replicas=-1
scale job j1 --replicas=1
replace -f web.yaml
replace -f nope.yaml
replace --force -f web.yaml
apply view-last-applied deploy/web
apply view-last-applied deploy web -o json
apply view-last-applied deploy/d1
apply view-last-applied
apply view-last-applied deploy/nope
apply view-last-applied deploy/web -o foo
apply set-last-applied -f web.yaml
apply set-last-applied -f web.yaml --create-annotation
apply set-last-applied
apply -f web.yaml --server-side
apply -f web.yaml --server-side --field-manager=other
apply -f web.yaml --server-side --force-conflicts
apply -f web.yaml --server-side --dry-run=client
apply -f web.yaml --force-conflicts
apply -f web.yaml --force --dry-run=server
apply -f web.yaml -o name
apply -f web.yaml --validate=nope
apply -f - <<< apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: in}\\ndata: {a: b}\\n
apply -f - <<< apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: in}\\ndata: {a: c}\\n
apply -f - <<< apiVersion: v1\\nkind: ConfigMap\\nmetadata: {generateName: in}\\n
apply -f - <<< kind: ConfigMap\\n
apply -f - <<< foo: bar\\n
apply -f - <<< {}\\n
apply -f - <<< [1]\\n
apply -f - <<< apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: in}\\ndata: {a: 1}\\n
apply -f - <<< apiVersion: v1\\nkind: List\\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}]\\n
auth reconcile -f web.yaml
auth reconcile
delete pod r2
delete pod r1 --grace-period=0 --force
delete pod r1 --now
delete deploy d2 --cascade=orphan
delete cm c1 -o name
delete cm -l nope=1
delete cm --all -n {X}-ns
delete cm --all --field-selector=metadata.name=nope
delete -f web.yaml
delete -f web.yaml
delete -f web.yaml --ignore-not-found
delete pods,cm nope
delete svc s1 s2 s3 s4 s5 e1
delete ns {X}-ns
delete clusterrole {X}-cr {X}-cr2
delete clusterrolebinding {X}-crb
delete pc {X}-pc
`
  .split("\n")
  .filter((line) => line !== "");

const words = (line: string): string[] =>
  (line.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ""));

/** What is made up, or differs between the namespaces. */
function mask(text: string): string {
  return text
    .replaceAll(/kubectl\.\d+\.\d+/g, "kubectl")
    .replaceAll(/\b(?:alpha|omega)\b/g, "NS")
    .replaceAll(/\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/g, "UID")
    .replaceAll(/\b\d+(?:s|m\d*s?|h\d*m?)\b/g, "AGE")
    .replaceAll(/(resourceVersion"?: )"\d+"/g, "$1RV")
    .replaceAll(/\b10\.96\.\d+\.\d+/g, "IP")
    .replaceAll(/nodePort: \d+/g, "nodePort: PORT")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "TIME")
    .replaceAll(/ {2,}/g, " ");
}

describe.skipIf(binary === undefined)("changes by the built-in client and by kubectl", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.start();
    cluster.write("web.yaml", web);
    const real = cluster.kubectl(binary?.path ?? "");
    for (const namespace of ["alpha", "omega"]) {
      await real(["create", "namespace", namespace]);
      await real(["-n", namespace, "apply", "-f", "web.yaml"]);
      await real(["-n", namespace, "wait", "--for=create", "sa/default"]);
    }
  });
  afterAll(async () => await cluster.stop());

  const argumentsOf = (line: string, namespace: string): string[] =>
    words(line).map((word) =>
      word === "web.yaml" ? `${cluster.folder}/${word}` : word.replaceAll("{X}", namespace),
    );

  async function ours(line: string, input: string) {
    const io = capturedIo({
      stdin: input,
      environment: { KUBECONFIG: cluster.kubeconfig("omega"), HOME: cluster.folder },
    });
    const code = await kubectl(argumentsOf(line, "omega"), { io });
    return { code, stdout: mask(io.stdout()), stderr: mask(io.stderr()) };
  }

  it.each(script)("%s", async (text) => {
    const [line = "", given = ""] = text.split(" <<< ");
    const input = given.replaceAll("\\n", "\n");
    const real = cluster.kubectl(binary?.path ?? "", "alpha");
    const { code, stdout, stderr } = await real(argumentsOf(line, "alpha"), { input });
    expect(await ours(line, input)).toEqual({ code, stdout: mask(stdout), stderr: mask(stderr) });
  });
});
