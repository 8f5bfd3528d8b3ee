/**
 * The built-in client beside the real one: the same commands on the same cluster give the same output, complaints and exit
 * codes, but for what differs from one moment to the next.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectl } from "../src/kubectl/index.ts";
import { capturedIo } from "../src/kubectl/testing/captured-io.ts";
import { TestCluster } from "./harness/cluster.ts";
import { type Kubectl, kubectlBinaries } from "./harness/kubectl.ts";

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
      containers:
      - name: web
        image: nginx
        ports: [{containerPort: 80}]
        env: [{name: A, value: b}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        resources: {requests: {cpu: 100m, memory: 64Mi}}
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
---
apiVersion: v1
kind: ConfigMap
metadata: {name: lines}
data: {"multi.txt": "one\\ntwo\\n"}
`;

const broken = `apiVersion: v1
kind: ConfigMap
metadata: {name: broken}
dataa: {}
---
apiVersion: example.com/v1
kind: Nope
metadata: {name: nope}
`;

/**
 * Commands that change nothing, or the same thing again; words are divided at blanks outside of quotes. kubectl describes
 * the keys of a ConfigMap in any order, so each has but one.
 */
const commands = `
foo
get
get pods --nope
get pods -x
get pods -n
get foo
get pods nope
get pods/a b
get pods/a/b
get pods -o foo
get pods -A -l x=y
get deploy
get deploy -o wide
get deploy,svc
get deploy,svc -o name
get deploy web -o yaml
get deploy web -o json
get cm settings nope
get svc web -o custom-columns=N:.metadata.name,P:.spec.ports[*].port,X:.nope
get deploy --show-labels -L app
get svc --sort-by=.metadata.name
get svc -o jsonpath='{range .items[*]}{.metadata.name}{"\\n"}{end}'
get cm -o jsonpath='{.items[?(@.metadata.name=="settings")].data.key}'
get cm -o jsonpath='{.items'
get pods --field-selector nope=x
get pods -l a+b
get --raw /api
get nodes
get ns
get all -l x=y
get -f web.yaml
get -f missing.yaml
describe deploy web
describe svc web
describe cm settings
describe cm lines
describe pods -l app=web --show-events=false
describe node simulated --show-events=false
describe ns default
describe sa default
describe clusterrole view
describe clusterrolebinding cluster-admin
describe lease -n kube-node-lease
describe pods nope
describe foo
apply
apply -f web.yaml
apply -f web.yaml --dry-run=server
apply -f web.yaml --dry-run=client
apply -f web.yaml --dry-run=nope
apply -f web.yaml -n elsewhere
apply -f broken.yaml
create
create -f web.yaml
create nope
create ns
create ns default
create deployment d --image=a:1 --image=b --replicas=2 --dry-run=client -o yaml
create deployment d --image=a --dry-run=client -o json -- sleep 1
create cm c --from-literal=a=b --dry-run=client -o yaml
create cm c --from-literal=a
create secret generic s --from-literal=a=b --dry-run=client -o yaml
create service nodeport s --tcp=80:http --node-port=30001 --dry-run=client -o yaml
create job j --image=busybox --dry-run=client -o yaml -- date
create cronjob c --image=busybox --schedule='* * * * *' --dry-run=client -o yaml
create role r --verb=get,list --resource=pods,deployments.apps --dry-run=client -o yaml
create rolebinding r --role=r --serviceaccount=a:b --dry-run=client -o yaml
create ingress i --rule=foo.com/bar*=svc:80,tls=cert --dry-run=client -o yaml
create pdb p --selector=a=b --min-available=50% --dry-run=client -o yaml
create quota q --hard=pods=1 --dry-run=client -o yaml
create priorityclass p --value=1 --dry-run=client -o yaml
run p --image=nginx --port=80 --env=A=b --dry-run=client -o yaml -- arg
run p
expose deploy web --name=other --dry-run=client -o yaml
expose cm settings --port=80
delete
delete pods
delete pod nope
delete pod nope --ignore-not-found
delete cm settings --dry-run=server
delete pods -l x=y
delete pods --all -l x=y
logs
logs nope
logs deploy/web
logs deploy/web -c nope
logs cm/settings
exec
exec nope -- ls
exec deploy/web ls
exec deploy/web -- sh -c 'echo hello'
exec deploy/web -- sh -c 'exit 3'
port-forward deploy/web
port-forward svc/web 81
scale deploy web
scale deploy nope --replicas=1
scale deploy web --replicas=1
autoscale deploy web --max=3 --dry-run=client -o yaml
label deploy web app=other
label deploy web app=web
label deploy web nope-
label deploy web x=1 --dry-run=server
label deploy web
annotate deploy web x=1 --dry-run=server
patch deploy web -p '{"spec":{"replicas":1}}'
patch deploy web --type=nope -p '{}'
patch deploy web
replace
replace -f web.yaml --dry-run=server
set image deploy/web web=nginx:2 --dry-run=server
set image deploy/web nope=x
set env deploy/web --list
rollout status deploy/web
rollout history deploy/web
rollout status cm/settings
rollout restart deploy/nope
rollout undo deploy/web --to-revision=9
wait --for=condition=Available deploy/web
wait --for=jsonpath={.metadata.name}=web deploy/web
wait --for=nope deploy/web
wait --for=condition=Ready pod/nope
auth can-i get pods
auth can-i get pods --as=nobody
auth can-i get nope
auth can-i --list --as=nobody
auth whoami
cordon nope
uncordon simulated
taint nodes simulated a-
taint nodes simulated a=b
drain simulated --dry-run=client --pod-selector=x=y
events --for deploy/nope
api-resources
api-resources -o name --api-group=apps
api-resources -o nope
api-versions
cluster-info
explain pods.spec.containers.ports
explain deploy.spec --recursive
explain nope
explain pods.nope
config view
config get-contexts
config use-context nope
config current-context
diff -f web.yaml
`
  .split("\n")
  .filter((line) => line !== "");

const words = (line: string): string[] =>
  (line.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ""));

/** Times, ages and names of files that are made up. */
function mask(text: string): string {
  return text
    .replaceAll(/kubectl\.\d+\.\d+/g, "kubectl")
    .replaceAll(/\b\d+(?:s|m\d*s?|h\d*m?)\b/g, "AGE")
    .replaceAll(/(resourceVersion"?: )"\d+"/g, "$1RV")
    .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, "TIME")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "TIME")
    .replaceAll(/ {2,}/g, " ");
}

describe.skipIf(binary === undefined)("the built-in client and kubectl", () => {
  let cluster: TestCluster;
  let real: Kubectl;

  async function ours(argv: readonly string[]) {
    const io = capturedIo({
      environment: { KUBECONFIG: cluster.kubeconfig("default"), HOME: cluster.folder },
    });
    const code = await kubectl(argv, { io });
    return { code, stdout: mask(io.stdout()), stderr: mask(io.stderr()) };
  }

  beforeAll(async () => {
    cluster = await TestCluster.start();
    cluster.write("web.yaml", web);
    cluster.write("broken.yaml", broken);
    real = cluster.kubectl(binary?.path ?? "");
    await real(["apply", "-f", "web.yaml"]);
    await real(["rollout", "status", "deploy/web"]);
    await real(["wait", "--for=create", "sa/default"]);
  });
  afterAll(async () => await cluster.stop());

  it.each(commands)("%s", async (line) => {
    const argv = words(line).map((word) =>
      /^(?:web|broken|missing)\.yaml$/.test(word) ? `${cluster.folder}/${word}` : word,
    );
    const { code, stdout, stderr } = await real(argv);
    expect(await ours(argv)).toEqual({ code, stdout: mask(stdout), stderr: mask(stderr) });
  });
});
