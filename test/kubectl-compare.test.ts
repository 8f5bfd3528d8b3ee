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
version -o foo
version --client -o nope
get deploy -o go-template='{{range .items}}{{.metadata.name}}{{"\\n"}}{{end}}'
get deploy web -o go-template='{{.metadata.name}} {{len .spec.template.spec.containers}} {{printf "%s-%v" .kind .spec.replicas}}'
get deploy web -o go-template='{{if eq .kind "Deployment"}}yes{{else}}no{{end}} {{with .metadata}}{{.name}}{{end}} {{index .metadata.labels "app"}}'
get deploy web -o go-template='{{.nope}} {{.metadata.nope.x}}'
get deploy web -o go-template='{{range $k, $v := .metadata.labels}}{{$k}}={{$v}},{{end}}'
get deploy web -o go-template='{{nope}}'
get deploy web -o template
get deploy web --template='{{.metadata.name}}'
get deploy web -o go-template
get secret -o jsonpath-as-json='{.items[*].metadata.name}'
get cm -o jsonpath-as-json='{.items[*].metadata.name}'
get cm settings -o jsonpath='{.data}'
get cm settings -o jsonpath='{.metadata.labels}'
get deploy web -o jsonpath='{.spec.template.spec.containers[0].ports[*].containerPort}{"\\t"}{.kind}'
get deploy web -o jsonpath
get deploy web -o jsonpath-file=nope
get deploy web -o custom-columns
get deploy web -o custom-columns=A
get deploy web -o custom-columns=A:.metadata.name --no-headers
get deploy web -o custom-columns=A:{.metadata.name},B:.spec.replicas,C:.metadata.labels
get deploy,svc,cm --show-kind
get cm --show-kind
get cm --no-headers
get cm -L app,tier --show-labels
get cm --sort-by=.metadata.creationTimestamp
get cm --sort-by={.metadata.name} -o name
get cm --chunk-size=1
get deploy web --subresource=status
get deploy web --subresource=scale
get deploy web --subresource=nope
get deploy --subresource=status
get deploy web --subresource=scale -o yaml
get cm settings --request-timeout=foo
get cm settings --ignore-not-found nope
get cm -n kube-system
get svc web -o wide
get ep web
get endpointslices
get ev nope
get --raw /nope
get --raw /api/v1/namespaces/default/pods/nope
get --raw=/healthz
get cs
get csr
get pv,pvc,sc
get sc -o yaml
get pc
get priorityclasses
get crd
get apiservices
get ns default -o json
get pods -o wide --show-labels -n kube-system
get nodes -o wide
get roles,rolebindings -n kube-system
get clusterroles -l kubernetes.io/bootstrapping=rbac-defaults
get deployments.v1.apps
get deployments.apps
get deployments.v1beta1.apps
get deployments.nope.example.com
get deploy/web svc/web
get deploy/web deploy/nope -o name
get deploy web web -o name
describe
describe deploy,svc -l x=y
describe svc/web deploy/web
describe deploy web nope
describe cm --chunk-size=1 nope
describe ep web
describe endpointslices
describe secrets
describe storageclass
describe ingressclass
describe priorityclass system-node-critical
describe role -n kube-system extension-apiserver-authentication-reader
describe rolebinding -n kube-system
describe clusterrole cluster-admin
describe clusterrole system:basic-user
describe apiservice v1.
describe flowschema exempt
describe prioritylevelconfiguration exempt
describe ns
describe servicecidr kubernetes
describe ipaddress
describe csinode
explain
explain pods
explain pods --output=plaintext
explain pods --output=nope
explain pods --api-version=v1
explain deploy --api-version=apps/v2
explain deploy --recursive
explain svc.spec.type
explain cm.data
explain pods.metadata.labels
explain hpa.spec.metrics
explain crd.spec.versions.schema
explain pods.spec.containers.env.valueFrom --recursive
explain a b
explain pods.
config nope
config view --minify
config view -o jsonpath='{.contexts[0].name}'
config get-contexts -o name
config get-contexts nope
config get-clusters
config get-users
config current-context foo
auth nope
auth can-i
auth can-i get
auth can-i get pods --subresource=log
auth can-i get pods/web --as=nobody
auth can-i get pods -q
auth can-i get /api --as=nobody
auth can-i '*' '*'
auth can-i --list --namespace=kube-system --no-headers --as=nobody
auth can-i get pods -A
auth can-i nope pods
auth can-i get deploy.apps
auth can-i get deploy.foo
auth can-i list nodes
auth can-i list nodes -n default
auth whoami -o yaml
auth whoami foo
auth whoami --as=bob --as-group=g
wait
wait pods
wait --for=delete pod/nope
wait --for=create cm/settings
wait --for=condition=Available=true deploy/web
wait --for=condition=Available deploy -l app=web
wait --for=condition=Available deploy --all
wait --for=jsonpath={.spec.replicas}=1 deploy/web
wait --for=jsonpath={.spec.replicas} deploy/web
wait --for=jsonpath={.nope}=1 deploy/web --timeout=0
wait --for=jsonpath= deploy/web
wait --for=jsonpath={.spec.template}=1 deploy/web
wait --for=jsonpath={.spec}{.x}=1 deploy/web
wait --for=condition=Ready pods --all -n kube-system
wait --for=condition=Ready pods -l x=y
wait --for=condition=Available deploy/web -o name
wait --for=condition=Available deploy/web -o yaml
wait --for=delete deploy/web --timeout=0
wait --for=condition=x --timeout=-5 deploy/web
events --types=Nope
events --for nope
events --for pod/web
events --for deploy/web --no-headers
events -n nope
api-resources --namespaced=false
api-resources --verbs=list,create -o wide
api-resources --no-headers --sort-by=name
api-resources --sort-by=kind
api-resources --sort-by=nope
api-resources --categories=all
api-resources --api-group=nope
api-resources foo
api-versions foo
version foo
logs deploy/web --all-containers
logs -l app=web
logs -l app=web --all-containers --prefix --tail=1
logs deploy/web --tail=-2
logs deploy/web --since=5s --since-time=2020-01-01T00:00:00Z
logs deploy/web --since-time=foo
logs deploy/web -c web a
logs a b c
logs -l app=web foo
logs deploy/web --limit-bytes=-1
logs deploy/web -p
logs nope -c x
logs svc/web
logs job/nope
logs deploy/web --all-pods --prefix --tail=1
exec deploy/web -c nope -- ls
exec -it
exec svc/web -- sh -c 'echo hi >&2'
attach
attach nope
attach a b c
port-forward
port-forward nope 80
port-forward deploy/web a
port-forward svc/web nope
port-forward deploy/web 99999999
get pc system-cluster-critical -o go-template='{{.value}} {{printf "%d %v %s" .value .value .value}} {{.metadata.name}}'
get deploy web -o go-template='{{eq .spec.replicas 1}}'
get deploy web -o go-template='{{.spec.a.b}} {{index .metadata.labels "x"}} {{index .spec.nope 1}}'
get cm settings -o go-template='{{.kind.x}}'
get deploy web -o go-template='{{exists .spec "replicas"}} {{base64decode "YQ=="}}'
get deploy web -o go-template='{{range .spec.template.spec.containers}}{{.name'
get deploy web -o go-template='{{if}}'
get deploy web -o go-template='{{if .x}}'
get deploy web -o go-template='{{end}}'
get deploy web -o go-template='{{$x}}'
get deploy web -o go-template='{{.kind | 3}}'
get cm settings -o go-template='{{range .kind}}x{{end}}'
get deploy web -o go-template='{{define "a"}}<{{.}}>{{end}}{{template "a" .kind}}'
get cm settings -o go-template='{{template "b"}}'
get deploy web -o go-template='{{.kind | printf "%q" | len}} {{lt 1 2}} {{gt "a" "b"}} {{and 1 0}} {{or "" "x"}} {{not 1}} {{slice .kind 1 3}} {{html "<a>"}} {{js "a\\"b"}} {{urlquery "a b"}} {{println 1 2}}{{print 1 2 "a" "b"}}'
get cm settings --allow-missing-template-keys=false -o go-template='{{.nope}}'
get cm settings -o go-template='{{/* c */}}a {{- " b " -}} c {{.data}} {{.metadata.labels}}'
get deploy,svc -o go-template='{{range $i, $e := .items}}{{if $i}}, {{end}}{{$e.metadata.name}}{{else}}none{{end}}'
get deploy web -o go-template='{{with $x := .spec}}{{$x.replicas}}{{end}}{{if and (eq .kind "a") (.nope.x)}}1{{else if eq .kind "Deployment"}}2{{end}}'
get cm lines -o go-template-file=nope
top nodes
top pods
top pod nope
top foo
certificate approve
certificate approve nope
cp
cp a
cp a b
cp a:b c:d
cp nope alpha/web:/x
cp /etc/hosts web:
plugin foo
debug
proxy --port=99999
proxy --unix-socket=/x --port=1
completion
completion foo
completion bash zsh
create cm c --from-literal=a=b --append-hash --dry-run=client -o yaml
create secret generic s --from-literal=a=b --append-hash --dry-run=client -o name
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
    const [{ code, stdout, stderr }, own] = await Promise.all([real(argv), ours(argv)]);
    expect(own).toEqual({ code, stdout: mask(stdout), stderr: mask(stderr) });
  });
});
