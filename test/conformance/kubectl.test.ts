import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSigningRequest } from "../../src/pki/index.ts";
import { eventually, type Following, freePort, TestCluster } from "../harness/cluster.ts";
import { type Finished, type KubectlOptions, kubectlBinaries } from "../harness/kubectl.ts";

/**
 * What people type, with clients that others wrote: the oldest, a middle and the newest kubectl that are to work. Each
 * version has a namespace of its own; expectations are what these clients print in front of Kubernetes.
 */
const binaries = kubectlBinaries(["1.27", "1.30", "1.33"]);

let cluster: TestCluster;

beforeAll(async () => {
  if (binaries.length > 0) cluster = await TestCluster.start({ nodes: 2 });
});

afterAll(async () => {
  await cluster?.stop();
});

const web = (image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: "${image}", command: [sh, -c, "echo started; sleep infinity"]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: page}
data: {text: hello}
`;

const configMap = (metadata: string, data = "{}"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: ${metadata}\ndata: ${data}\n`;

const others = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      nodeSelector: {kubernetes.io/hostname: simulated}
      containers: [{name: c, image: db, volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: c, image: agent}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: sum}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [echo, "42"]}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: extra}
spec:
  nodeSelector: {kubernetes.io/hostname: simulated}
  initContainers: [{name: first, image: busybox, command: [echo, first]}]
  containers:
  - {name: c, image: busybox, command: [sleep, infinity], env: [{name: A, value: b}]}
  - {name: d, image: busybox, command: [sh, -c, "echo one; echo two; sleep infinity"]}
`;

describe.skipIf(binaries.length === 0)(`kubectl${binaries.length === 0 ? " (not in PATH)" : ""}`, () => {
  describe.each(binaries)("$version", ({ version, path }) => {
    const minor = Number(version.split(".")[1] ?? 33);
    const namespace = `v${minor}`;

    const run = async (args: readonly string[], options?: KubectlOptions): Promise<Finished> => {
      const result = await cluster.kubectl(path, namespace)(args, options);
      return { ...result, stderr: result.stderr.replace(/^WARNING: version difference.*\n/gm, "") };
    };
    /** Standard output of a command that succeeds. */
    const out = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(args);
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
      return stdout;
    };
    /** Standard error of a command that fails with code 1. */
    const refusal = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(args);
      if (code !== 1 || stdout !== "") {
        throw new Error(`kubectl ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
      }
      return stderr;
    };
    const edit = (script: string, ...args: readonly string[]): Promise<Finished> =>
      run(["edit", ...args], { env: { EDITOR: `sed -i -e ${script}` } });
    const following: Following[] = [];
    const follow = (...args: readonly string[]): Following => {
      const started = cluster.follow(path, args, namespace);
      following.push(started);
      return started;
    };
    const podOf = (selector: string): Promise<string> =>
      out("get", "pods", "-l", selector, "-o", "jsonpath={.items[0].metadata.name}");
    const file = (name: string, text: string): string => {
      cluster.write(name, text);
      return name;
    };
    /** From 1.34 on `deleted` is followed by the namespace. */
    const deleted = /deleted( from \S+ namespace)?\n/;

    beforeAll(async () => {
      await out("create", "namespace", namespace);
      await eventually(() => out("get", "serviceaccount", "default"));
    });

    afterAll(async () => {
      await Promise.all(following.map((each) => each.end()));
      await out("delete", "namespace", namespace, "--wait=false");
    });

    describe("manifests", () => {
      test("apply creates, then finds nothing to change; diff is silent", async () => {
        file("web.yaml", web("nginx:1"));
        expect(await out("apply", "-f", "web.yaml")).toBe(
          "deployment.apps/web created\nservice/web created\nconfigmap/page created\n",
        );
        expect(await out("apply", "-f", "web.yaml")).toBe(
          "deployment.apps/web unchanged\nservice/web unchanged\nconfigmap/page unchanged\n",
        );
        expect(await out("diff", "-f", "web.yaml")).toBe("");
        expect(await out("rollout", "status", "deploy/web")).toContain(
          'deployment "web" successfully rolled out\n',
        );
        expect(await out("diff", "-f", "web.yaml")).toBe("");
      });

      test("diff shows a change, apply makes it, both know what was applied last", async () => {
        file("web-2.yaml", web("nginx:2"));
        const { code, stdout } = await run(["diff", "-f", "web-2.yaml"]);
        expect(code).toBe(1);
        expect(stdout).toContain("\n-        image: nginx:1\n+        image: nginx:2\n");
        expect(stdout).not.toContain("hello");
        expect(await out("apply", "-f", "web-2.yaml")).toBe(
          "deployment.apps/web configured\nservice/web unchanged\nconfigmap/page unchanged\n",
        );
        expect(await out("apply", "view-last-applied", "deploy/web")).toContain("image: nginx:2\n");
        expect(await out("rollout", "status", "deploy/web")).toContain("successfully rolled out\n");
      });

      test("apply takes away what the file no longer has, and keeps what others added", async () => {
        const page = (data: string): string =>
          `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keys"}, "data": ${data}}`;
        await out("apply", "-f", file("keys.json", page('{"a": "1", "b": "2"}')));
        await out("patch", "cm", "keys", "-p", '{"data": {"c": "3"}}');
        expect(await out("apply", "-f", file("keys.json", page('{"a": "1"}')))).toBe(
          "configmap/keys configured\n",
        );
        expect(JSON.parse(await out("get", "cm", "keys", "-o", "jsonpath={.data}"))).toEqual({
          a: "1",
          c: "3",
        });
      });

      test("apply with --prune deletes what is labelled and not in the file", async () => {
        await out("create", "cm", "old");
        await out("apply", "-f", file("old.yaml", configMap("{name: old, labels: {set: '1'}}")));
        file("new.yaml", configMap("{name: new, labels: {set: '1'}}"));
        const pruned = await out(
          "apply",
          "-f",
          "new.yaml",
          "--prune",
          "-l",
          "set=1",
          "--prune-allowlist=core/v1/ConfigMap",
        );
        expect(pruned).toBe("configmap/new created\nconfigmap/old pruned\n");
      });

      test("kustomize and standard input are as good as files", async () => {
        file("kustomization.yaml", "namePrefix: my-\nconfigMapGenerator: [{name: gen, literals: [a=b]}]\n");
        expect(await out("apply", "-k", ".")).toMatch(/^configmap\/my-gen-\w{10} created\n$/);
        rmSync(join(cluster.folder, "kustomization.yaml"));
        const piped = await run(["apply", "-f", "-"], {
          input: configMap("{name: piped}"),
        });
        expect(piped.stdout).toBe("configmap/piped created\n");
      });

      test("a dry run at the server says what would be, and stores nothing", async () => {
        expect(await out("create", "cm", "dry", "--dry-run=server")).toBe(
          "configmap/dry created (server dry run)\n",
        );
        expect(await refusal("get", "cm", "dry")).toBe(
          'Error from server (NotFound): configmaps "dry" not found\n',
        );
        const made = await out("run", "dry", "--image=x", "--dry-run=server", "-o", "yaml");
        expect(made).toContain("uid: ");
        expect(made).toContain("terminationMessagePath: /dev/termination-log\n");
      });

      test("unknown fields are refused, warned of or ignored, as asked", async () => {
        file("odd.yaml", `${configMap("{name: odd, labls: {}}")}dta: {}\n`);
        expect(await refusal("create", "-f", "odd.yaml", "--validate=strict")).toBe(
          'Error from server (BadRequest): error when creating "odd.yaml": ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dta", unknown field "metadata.labls"\n',
        );
        expect(await run(["create", "-f", "odd.yaml", "--validate=warn"])).toEqual({
          code: 0,
          stdout: "configmap/odd created\n",
          stderr: 'Warning: unknown field "dta"\nWarning: unknown field "metadata.labls"\n',
        });
        expect(await run(["apply", "-f", "odd.yaml", "--validate=ignore"])).toMatchObject({
          code: 0,
          stdout: "configmap/odd configured\n",
        });
      });

      test("replace needs the object, and --force makes it anew", async () => {
        file("place.yaml", configMap("{name: place}", "{a: b}"));
        expect(await refusal("replace", "-f", "place.yaml")).toBe(
          'Error from server (NotFound): error when replacing "place.yaml": configmaps "place" not found\n',
        );
        await out("create", "-f", "place.yaml");
        expect(await out("replace", "-f", "place.yaml")).toBe("configmap/place replaced\n");
        expect(await out("replace", "--force", "-f", "place.yaml")).toMatch(
          /^configmap "place" deleted.*\nconfigmap\/place replaced\n$/,
        );
      });

      test("edit saves what the editor left, and nothing when it changed nothing", async () => {
        expect((await edit("s/hello/goodbye/", "cm", "page")).stdout).toBe("configmap/page edited\n");
        expect(await out("get", "cm", "page", "-o", "jsonpath={.data.text}")).toBe("goodbye");
        expect((await edit("''", "cm", "page")).stderr).toBe("Edit cancelled, no changes made.\n");
        const refused = await edit("s/^data:/dat:/", "cm", "page");
        expect(refused.code).toBe(1);
        expect(refused.stderr).toContain('error: configmaps "page" is invalid\n');
        expect((await edit("s/replicas:.*/replicas:\\ 3/", "deploy", "web")).stdout).toBe(
          "deployment.apps/web edited\n",
        );
      });

      test("patches of every type, and of a subresource", async () => {
        const patch = (type: string, body: string, ...more: string[]): Promise<string> =>
          out("patch", "deploy", "web", `--type=${type}`, "-p", body, ...more);
        expect(
          await patch("strategic", '{"spec":{"template":{"spec":{"containers":[{"name":"c","tty":true}]}}}}'),
        ).toBe("deployment.apps/web patched\n");
        expect(await out("get", "deploy", "web", "-o", "jsonpath={..containers[0].image} {..tty}")).toBe(
          "nginx:2 true",
        );
        expect(await patch("merge", '{"metadata":{"labels":{"x":"y","app":null}}}')).toBe(
          "deployment.apps/web patched\n",
        );
        expect(await out("get", "deploy", "web", "-o", "jsonpath={.metadata.labels}")).toBe('{"x":"y"}');
        expect(await patch("json", '[{"op":"replace","path":"/spec/replicas","value":4}]')).toBe(
          "deployment.apps/web patched\n",
        );
        expect(await patch("merge", '{"spec":{"replicas":4}}')).toBe(
          "deployment.apps/web patched (no change)\n",
        );
        expect(
          await refusal(
            "patch",
            "deploy",
            "web",
            "--type=json",
            "-p",
            '[{"op":"remove","path":"/spec/nope"}]',
          ),
        ).toBe("The request is invalid: the server rejected our request due to an error in our request\n");
        expect(await patch("merge", '{"spec":{"replicas":2}}', "--subresource=scale")).toBe(
          "scale.autoscaling/web patched\n",
        );
        expect(await out("get", "deploy", "web", "--subresource=scale")).toMatch(
          /^NAME +DESIRED +AVAILABLE +AGE\nweb +2 +\d +\d+s\n$/,
        );
      });

      test("labels and annotations, set, kept and removed", async () => {
        expect(await out("label", "cm", "page", "tier=front")).toBe("configmap/page labeled\n");
        expect(await refusal("label", "cm", "page", "tier=back")).toBe(
          "error: 'tier' already has a value (front), and --overwrite is false\n",
        );
        expect(await out("label", "cm", "page", "tier=back", "--overwrite")).toBe("configmap/page labeled\n");
        expect(await out("label", "cm", "page", "tier-")).toBe("configmap/page unlabeled\n");
        expect(await out("annotate", "cm", "page", "note=some words")).toMatch(
          // 1.27 says it shorter.
          /^configmap\/page annotated?\n$/,
        );
        expect(await out("annotate", "cm", "page", "note-")).toMatch(/^configmap\/page annotated?\n$/);
        expect(await refusal("label", "cm", "page", "a=b c")).toMatch(
          /^error: invalid label value: "a=b c": a valid label must be an empty string or consist of/,
        );
      });
    });

    describe("server-side apply", () => {
      const shared = (value: string): string =>
        file(`shared-${value}.yaml`, configMap("{name: shared}", `{a: "${value}", b: same}`));

      test("names the field and the manager of a conflict, and takes over when forced", async () => {
        const apply = (manager: string, value: string, ...more: string[]): string[] => [
          "apply",
          "--server-side",
          `--field-manager=${manager}`,
          "-f",
          shared(value),
          ...more,
        ];
        expect(await out(...apply("one", "1"))).toBe("configmap/shared serverside-applied\n");
        expect(await refusal(...apply("two", "2"))).toBe(
          [
            'error: Apply failed with 1 conflict: conflict with "one": .data.a',
            "Please review the fields above--they currently have other managers. Here",
            "are the ways you can resolve this warning:",
            "* If you intend to manage all of these fields, please re-run the apply",
            "  command with the `--force-conflicts` flag.",
            "* If you do not intend to manage all of the fields, please edit your",
            "  manifest to remove references to the fields that should keep their",
            "  current managers.",
            "* You may co-own fields by updating your manifest to match the existing",
            "  value; in this case, you'll become the manager if the other manager(s)",
            "  stop managing the field (remove it from their configuration).",
            "See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts",
            "",
          ].join("\n"),
        );
        expect(await out(...apply("two", "2", "--force-conflicts"))).toBe(
          "configmap/shared serverside-applied\n",
        );
        const managed = JSON.parse(
          await out("get", "cm", "shared", "-o", "json", "--show-managed-fields"),
        ) as { metadata: { managedFields: { manager: string; operation: string; fieldsV1: unknown }[] } };
        expect(
          managed.metadata.managedFields.map(({ manager, operation, fieldsV1 }) => ({
            manager,
            operation,
            fieldsV1,
          })),
        ).toEqual([
          { manager: "one", operation: "Apply", fieldsV1: { "f:data": { "f:b": {} } } },
          { manager: "two", operation: "Apply", fieldsV1: { "f:data": { "f:a": {}, "f:b": {} } } },
        ]);
      });

      test("takes over from client-side apply without a conflict", async () => {
        const moved = (data: string): string => file("moved.yaml", configMap("{name: moved}", data));
        await out("apply", "-f", moved("{a: '1', b: '2'}"));
        expect(await out("apply", "--server-side", "-f", moved("{a: '2'}"))).toBe(
          "configmap/moved serverside-applied\n",
        );
        expect(await out("get", "cm", "moved", "-o", "jsonpath={.data}")).toBe('{"a":"2"}');
        const managers = await out(
          "get",
          "cm",
          "moved",
          "--show-managed-fields",
          "-o",
          "jsonpath={range .metadata.managedFields[*]}{.manager}/{.operation} {end}",
        );
        expect(managers.trim().split(" ").sort()).toEqual(["kubectl-last-applied/Apply", "kubectl/Apply"]);
      });
    });

    describe("reading", () => {
      test("tables, wide and with labels", async () => {
        await out("rollout", "status", "deploy/web");
        expect(await out("get", "deployments", "-o", "wide")).toMatch(
          /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +2\/2 +2 +2 +\d+s +c +nginx:2 +app=web\n$/,
        );
        expect(await out("get", "pods", "-o", "wide", "-l", "app=web")).toMatch(
          /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\n(web-\w+-\w{5} +1\/1 +(Running|Terminating) +0 +\d+s +10\.244\.\d\.\d+ +simulated(-2)? +<none> +<none>\n)+$/,
        );
        expect(await out("get", "svc", "web", "--no-headers")).toMatch(
          /^web +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP +\d+s\n$/,
        );
        expect(await out("get", "cm", "page", "--show-labels", "-L", "app")).toMatch(
          /^NAME +DATA +AGE +APP +LABELS\npage +1 +\d+s +<none>\n$/,
        );
        expect((await run(["get", "jobs"])).stderr).toBe(`No resources found in ${namespace} namespace.\n`);
        expect(await out("get", "nodes", "-o", "wide")).toMatch(
          /^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME\nsimulated +Ready +<none> +\d+m?\d*s? +v1\.36\.\d/,
        );
        expect(await out("get", "all")).toMatch(
          /^NAME +READY[^]*\npod\/web-[^]*\nservice\/web[^]*\ndeployment.apps\/web[^]*\nreplicaset.apps\/web-/,
        );
      });

      test("yaml, json, names, columns, templates, sorted and by path", async () => {
        expect(await out("get", "cm", "page", "-o", "yaml")).toMatch(
          /^apiVersion: v1\ndata:\n {2}text: goodbye\nkind: ConfigMap\nmetadata:\n[^]*\n {2}name: page\n/,
        );
        expect(JSON.parse(await out("get", "cm", "page", "-o", "json"))).toMatchObject({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: "page", namespace },
        });
        expect(await out("get", "deploy,svc", "-o", "name")).toBe("deployment.apps/web\nservice/web\n");
        expect(await out("get", "cm", "page", "-o", "custom-columns=N:.metadata.name,T:.data.text")).toBe(
          "N      T\npage   goodbye\n",
        );
        expect(await out("get", "cm", "page", "-o", "go-template={{.data.text}}")).toBe("goodbye");
        await out("create", "cm", "sorted", "--from-literal=k=v");
        const names = await out("get", "cm", "--sort-by=.metadata.name", "-o", "name");
        expect(names.split("\n")).toEqual(names.split("\n").filter(Boolean).sort().concat(""));
        expect(await out("get", "--raw", `/api/v1/namespaces/${namespace}/configmaps/page`)).toMatch(
          /^\{"kind":"ConfigMap","apiVersion":"v1","metadata":\{/,
        );
        expect(await refusal("get", "nonsense")).toBe(
          'error: the server doesn\'t have a resource type "nonsense"\n',
        );
      });

      test("selectors, fields and chunks choose the same objects", async () => {
        for (let index = 0; index < 5; index++) await out("create", "cm", `chunk-${index}`);
        await out("label", "cm", "chunk-1", "chunk-2", "odd=x");
        const whole = await out("get", "cm", "-o", "name");
        expect(await out("get", "cm", "-o", "name", "--chunk-size=2")).toBe(whole);
        expect(await out("get", "cm", "-o", "name", "-l", "odd in (x),odd!=y")).toBe(
          "configmap/chunk-1\nconfigmap/chunk-2\n",
        );
        expect(await out("get", "cm", "-o", "name", "--field-selector=metadata.name=chunk-3")).toBe(
          "configmap/chunk-3\n",
        );
        expect(await out("get", "pods", "-o", "name", "--field-selector=status.phase!=Running")).toBe("");
        expect(await refusal("get", "pods", "--field-selector=foo=bar")).toBe(
          'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "", field selector "foo=bar": field label not supported: foo\n',
        );
        expect(await out("get", "cm", "-A", "--field-selector=metadata.name=page")).toMatch(
          new RegExp(`^NAMESPACE +NAME +DATA +AGE\n(.*\n)*${namespace} +page +1 +`),
        );
      });

      test("-w shows what changes while it changes", async () => {
        const watching = follow("get", "pods", "-w", "--output-watch-events", "-l", "app in (web,seen)");
        await watching.until(/ADDED +web-/);
        await out("run", "seen", "--image=busybox", "--labels=app=seen", "--", "sleep", "infinity");
        await watching.until(/ADDED +seen +0\/1 +Pending/);
        await watching.until(/MODIFIED +seen +1\/1 +Running/);
        await out("delete", "pod", "seen", "--now");
        await watching.until(/DELETED +seen/);
        expect(await watching.end()).not.toMatch(/^error/im);
      });

      test("explain tells fields, their types, and all below them", async () => {
        expect(await out("explain", "deploy.spec.replicas")).toMatch(/FIELD: +replicas <integer>\n/);
        const recursive = await out("explain", "pod.spec.containers", "--recursive");
        expect(recursive).toMatch(/\n +ports\t<\[\](Container)?(Port|Object)>\n/);
        expect(recursive).toMatch(/\n +containerPort\t<integer>( -required-)?\n/);
        expect(await out("explain", "cronjob", "--api-version=batch/v1")).toMatch(
          /KIND: +CronJob\nVERSION: +v1\n/,
        );
        expect((await run(["explain", "pod.spec.nope"])).stderr).toBe('error: field "nope" does not exist\n');
      });

      test("api-resources, api-versions, version and cluster-info", async () => {
        expect(await out("api-resources", "--api-group=apps", "-o", "name")).toBe(
          "controllerrevisions.apps\ndaemonsets.apps\ndeployments.apps\nreplicasets.apps\nstatefulsets.apps\n",
        );
        expect(await out("api-resources", "--namespaced=false", "--api-group=storage.k8s.io")).toMatch(
          /^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND\ncsidrivers +storage.k8s.io\/v1 +false +CSIDriver\n/,
        );
        const versions = (await out("api-versions")).split("\n");
        expect(versions).toEqual(expect.arrayContaining(["apps/v1", "batch/v1", "v1", "policy/v1"]));
        expect(JSON.parse(await out("version", "-o", "json"))).toMatchObject({
          serverVersion: { major: "1", minor: "36" },
        });
        const info = stripVTControlCharacters(await out("cluster-info"));
        expect(info).toContain(`Kubernetes control plane is running at ${cluster.url}\n`);
        expect(info).toContain(
          `CoreDNS is running at ${cluster.url}/api/v1/namespaces/kube-system/services/kube-dns:dns/proxy\n`,
        );
        for (const path of ["/healthz", "/livez", "/readyz"])
          expect(await out("get", "--raw", path)).toBe("ok");
      });

      test("top says that nobody measures", async () => {
        expect(await refusal("top", "nodes")).toBe("error: Metrics API not available\n");
        expect(await refusal("top", "pods")).toBe("error: Metrics API not available\n");
      });
    });

    describe("pods", () => {
      beforeAll(async () => {
        await out("apply", "-f", file("others.yaml", others));
        await out("wait", "--for=condition=Ready", "pod/extra", "--timeout=20s");
      });

      test("run starts a pod; attached, it shows what the pod prints", async () => {
        expect(await out("run", "one", "--image=busybox", "--labels=a=b", "--", "sleep", "infinity")).toBe(
          "pod/one created\n",
        );
        expect(await out("wait", "--for=condition=Ready", "pod/one", "--timeout=20s")).toBe(
          "pod/one condition met\n",
        );
        expect(await refusal("run", "one", "--image=busybox")).toBe(
          'Error from server (AlreadyExists): pods "one" already exists\n',
        );
        const attached = await run([
          "run",
          "two",
          "--image=busybox",
          "--restart=Never",
          "--rm",
          "-i",
          "--",
          "echo",
          "hi",
        ]);
        expect(attached.stdout).toMatch(/^hi\npod "two" deleted/);
      });

      test("logs, of a container, followed, of many pods, before a restart", async () => {
        expect(await out("logs", "deploy/web")).toBe("started\n");
        expect(await out("logs", "extra", "-c", "d", "--tail=1")).toBe("two\n");
        expect(await out("logs", "extra", "-c", "first")).toBe("first\n");
        expect(await out("logs", "extra", "-c", "d", "--timestamps")).toMatch(
          /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z one\n/,
        );
        expect(await out("logs", "extra", "--all-containers", "--prefix")).toContain("[pod/extra/d] two\n");
        expect((await out("logs", "-l", "app=web", "--prefix")).split("\n").filter(Boolean).length).toBe(2);
        const followed = follow("logs", "-f", "extra", "-c", "d");
        await followed.until(/^one\ntwo\n/);
        await followed.end();
        expect(await refusal("logs", "extra", "-c", "nope")).toBe(
          "error: container nope is not valid for pod extra\n",
        );
        expect(await refusal("logs", "extra", "-c", "c", "--previous")).toBe(
          'Error from server (BadRequest): previous terminated container "c" in pod "extra" not found\n',
        );
      });

      test("exec brings back output, input and the exit code", async () => {
        expect(await out("exec", "extra", "-c", "c", "--", "echo", "hi")).toBe("hi\n");
        expect(await out("exec", "extra", "-c", "c", "--", "printenv", "A")).toBe("b\n");
        expect(
          (await run(["exec", "-i", "extra", "-c", "c", "--", "cat"], { input: "to and fro" })).stdout,
        ).toBe("to and fro");
        expect(await run(["exec", "extra", "-c", "c", "--", "sh", "-c", "echo a; exit 3"])).toEqual({
          code: 3,
          stdout: "a\n",
          stderr: "command terminated with exit code 3\n",
        });
        expect((await run(["exec", "extra", "--", "true"])).stderr).toContain(
          'Defaulted container "c" out of: c, d, first (init)\n',
        );
        expect(await refusal("exec", "extra", "-c", "nope", "--", "true")).toBe(
          "Error from server (BadRequest): container nope is not valid for pod extra\n",
        );
      });

      // cp needs tar in the container, which one that only pretends does not have: test/e2e copies with a real one.

      test("port-forward carries HTTP", async () => {
        const port = await freePort();
        const forward = follow("port-forward", "svc/web", `${port}:80`);
        await forward.until(new RegExp(`Forwarding from 127\\.0\\.0\\.1:${port} -> 8080\n`));
        for (let request = 0; request < 3; request++) {
          const answer = await fetch(`http://127.0.0.1:${port}/`);
          expect(await answer.text()).toMatch(new RegExp(`^simulated ${namespace}/web-`));
        }
        await forward.end();
      });

      test("debug adds a container to a running pod", async () => {
        await out("debug", "extra", "--image=busybox", "--container=dbg", "--", "sleep", "infinity");
        await out(
          "wait",
          "pod/extra",
          "--timeout=20s",
          "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}",
        ).catch(() => {});
        expect(await out("describe", "pod", "extra")).toMatch(/Ephemeral Containers:\n {2}dbg:\n/);
      });

      test("expose, set and autoscale", async () => {
        expect(await out("expose", "deploy", "web", "--name=again", "--port=81", "--target-port=8080")).toBe(
          "service/again exposed\n",
        );
        expect(
          await eventually(async () => {
            const slices = await out(
              "get",
              "endpointslices",
              "-l",
              "kubernetes.io/service-name=again",
              "-o",
              "jsonpath={.items[*].endpoints[*].addresses[0]} {.items[*].ports[*].port}",
            );
            expect(slices).toMatch(/^10\.244\.\d+\.\d+ 10\.244\.\d+\.\d+ 8080$/);
            return true;
          }),
        ).toBe(true);
        expect(await out("set", "env", "deploy/web", "MODE=fast")).toBe("deployment.apps/web env updated\n");
        expect(await out("set", "resources", "deploy/web", "--requests=cpu=10m")).toBe(
          "deployment.apps/web resource requirements updated\n",
        );
        expect(await out("set", "serviceaccount", "deploy/web", "default")).toBe(
          "deployment.apps/web serviceaccount updated\n",
        );
        expect(await out("autoscale", "deploy", "web", "--min=1", "--max=4", "--cpu-percent=50")).toBe(
          "horizontalpodautoscaler.autoscaling/web autoscaled\n",
        );
        expect(await out("get", "hpa", "web")).toMatch(
          /\nweb +Deployment\/web +(cpu: )?<unknown>\/50% +1 +4 +\d+ +/,
        );
        await out("delete", "hpa", "web");
        await out("rollout", "status", "deploy/web");
      });

      test("describe explains each of them", async () => {
        await out("rollout", "status", "sts/db", "--timeout=20s");
        const described: readonly (readonly [string, RegExp])[] = [
          [
            "deploy/web",
            /\nReplicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable\n[^]*ScalingReplicaSet[^]*Scaled up replica set web-\w+/,
          ],
          ["rs", /\nControlled By: +Deployment\/web\n/],
          [
            "pod/extra",
            /\nInit Containers:\n {2}first:\n[^]*State: +Terminated\n +Reason: +Completed\n[^]*Successfully assigned v\d+\/extra to simulated/,
          ],
          ["svc/web", /\nTargetPort: +8080\/TCP\nEndpoints: +10\.244\.\d\.\d+:8080,10\.244\.\d\.\d+:8080\n/],
          ["cm/page", /\nData\n====\ntext:\n----\ngoodbye\n/],
          [
            "sts/db",
            /\nReplicas: +2 desired \| 2 total\n[^]*Volume Claims:\n {2}Name: +data\n[^]*create Pod db-0 in StatefulSet db successful/,
          ],
          [
            "ds/agent",
            /\nDesired Number of Nodes Scheduled: 2\n[^]*Number of Nodes Scheduled with Available Pods: 2\n/,
          ],
          [
            "job/sum",
            /\nPods Statuses: +0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed\n[^]*Job completed\n/,
          ],
          ["pvc/data-db-0", /\nStatus: +Bound\nVolume: +pvc-/],
          ["node/simulated", /\nNon-terminated Pods:/],
          [`ns/${namespace}`, /\nStatus: +Active\n/],
          ["sa/default", /\nName: +default\n|^Name: +default\n/],
          ["sc/standard", /\nIsDefaultClass: +Yes\n/],
          ["clusterrole/view", /\n {2}pods +\[\] +\[\] +\[get list watch\]\n/],
        ];
        for (const [what, pattern] of described) expect(await out("describe", what), what).toMatch(pattern);
      });

      test("events are there to read", async () => {
        expect(await out("events", "--for=pod/extra")).toMatch(
          /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n[^]*Normal +Scheduled +Pod\/extra +Successfully assigned/,
        );
        expect(
          await out("get", "events", "--field-selector=involvedObject.name=extra,reason=Scheduled"),
        ).toMatch(
          /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\d+s +Normal +Scheduled +pod\/extra +Successfully assigned/,
        );
      });
    });

    describe("rollouts", () => {
      test("status, history, undo, restart, pause and resume", async () => {
        const status = (): Promise<string> => out("rollout", "status", "deploy/roll", "--timeout=20s");
        await out("create", "deployment", "roll", "--image=app:1", "--replicas=2");
        expect(await status()).toContain('deployment "roll" successfully rolled out\n');
        expect(await out("set", "image", "deploy/roll", "app=app:2")).toBe(
          "deployment.apps/roll image updated\n",
        );
        await out("annotate", "deploy/roll", "kubernetes.io/change-cause=second");
        expect(await status()).toContain("successfully rolled out\n");
        expect(await out("rollout", "history", "deploy/roll")).toBe(
          "deployment.apps/roll \nREVISION  CHANGE-CAUSE\n1         <none>\n2         second\n\n",
        );
        expect(await out("rollout", "history", "deploy/roll", "--revision=1")).toMatch(
          /^deployment.apps\/roll with revision #1\n[^]*Image:\tapp:1\n/,
        );
        expect(await out("rollout", "undo", "deploy/roll")).toBe("deployment.apps/roll rolled back\n");
        expect(await status()).toContain("successfully rolled out\n");
        expect(await out("get", "deploy", "roll", "-o", "jsonpath={..image}")).toBe("app:1");
        expect(await out("rollout", "undo", "deploy/roll", "--to-revision=2")).toBe(
          "deployment.apps/roll rolled back\n",
        );
        expect(await refusal("rollout", "undo", "deploy/roll", "--to-revision=9")).toBe(
          "error: unable to find specified revision 9 in history\n",
        );
        expect(await out("rollout", "restart", "deploy/roll")).toBe("deployment.apps/roll restarted\n");
        expect(await status()).toContain("successfully rolled out\n");
        expect(await out("rollout", "pause", "deploy/roll")).toBe("deployment.apps/roll paused\n");
        expect(await refusal("rollout", "restart", "deploy/roll")).toBe(
          'error: deployments.apps "roll" can\'t restart paused deployment (run rollout resume first)\n',
        );
        expect(await out("rollout", "resume", "deploy/roll")).toBe("deployment.apps/roll resumed\n");
      });

      test("an image that does not exist stops a rollout, and the old pods stay", async () => {
        await out("set", "image", "deploy/roll", "app=missing/app:3");
        const stopped = await run(["rollout", "status", "deploy/roll", "--timeout=2s"]);
        expect(stopped.code).toBe(1);
        expect(stopped.stdout).toMatch(
          /^Waiting for deployment "roll" rollout to finish: 1 out of 2 new replicas have been updated\.\.\.\n/m,
        );
        expect(
          await eventually(async () => {
            const pods = await out("get", "pods", "-l", "app=roll");
            expect(pods).toMatch(/ 0\/1 +(ErrImagePull|ImagePullBackOff) /);
            return pods;
          }),
        ).toMatch(/( 1\/1 +Running [^]*){2}/);
        await out("rollout", "undo", "deploy/roll");
        expect(await out("rollout", "status", "deploy/roll", "--timeout=20s")).toContain(
          "successfully rolled out\n",
        );
      });

      test("scale, with and without a condition", async () => {
        expect(await out("scale", "deploy", "roll", "--replicas=4")).toBe("deployment.apps/roll scaled\n");
        expect(await refusal("scale", "deploy", "roll", "--current-replicas=9", "--replicas=1")).toBe(
          "error: Expected replicas to be 9, was 4\n",
        );
        expect(
          await out("wait", "deploy/roll", "--for=jsonpath={.status.readyReplicas}=4", "--timeout=20s"),
        ).toBe("deployment.apps/roll condition met\n");
      });

      test("StatefulSets and DaemonSets roll too", async () => {
        expect(await out("rollout", "restart", "sts/db", "ds/agent")).toBe(
          "statefulset.apps/db restarted\ndaemonset.apps/agent restarted\n",
        );
        expect(await out("rollout", "status", "sts/db", "--timeout=40s")).toMatch(
          /(statefulset rolling update complete 2 pods at revision db-\w+\.\.\.|partitioned roll out complete: 2 new pods have been updated\.\.\.)\n$/,
        );
        expect(await out("rollout", "status", "ds/agent", "--timeout=40s")).toContain(
          'daemon set "agent" successfully rolled out\n',
        );
        expect(await out("rollout", "history", "sts/db")).toMatch(/\n1 +<none>\n2 +<none>\n/);
        expect(await out("rollout", "undo", "ds/agent")).toBe("daemonset.apps/agent rolled back\n");
      });
    });

    describe("waiting", () => {
      test("for a condition, a field, an end; and not longer than asked", async () => {
        expect(await out("wait", "--for=condition=Available", "deploy/web", "--timeout=20s")).toBe(
          "deployment.apps/web condition met\n",
        );
        expect(await out("wait", "--for=condition=Complete", "job/sum", "--timeout=20s")).toBe(
          "job.batch/sum condition met\n",
        );
        expect(
          await out("wait", "--for=jsonpath={.status.phase}=Running", "pod/extra", "--timeout=20s"),
        ).toBe("pod/extra condition met\n");
        expect(await refusal("wait", "--for=condition=Nope", "pod/extra", "--timeout=100ms")).toBe(
          "error: timed out waiting for the condition on pods/extra\n",
        );
        await out("create", "cm", "leaving");
        const gone = follow("get", "cm", "leaving", "-w", "--output-watch-events");
        await gone.until(/ADDED +leaving/);
        const waiting = run(["wait", "cm/leaving", "--for=delete", "--timeout=20s"]);
        await out("delete", "cm", "leaving");
        await gone.until(/DELETED +leaving/);
        // Either it saw the deletion, or it came when the object had gone, which is what it waits for too.
        expect((await waiting).code).toBe(0);
      });
    });

    describe("rights", () => {
      test("can-i answers for oneself and for others", async () => {
        expect(await out("auth", "can-i", "create", "pods")).toBe("yes\n");
        expect(await run(["auth", "can-i", "create", "pods", "--as=joe"])).toMatchObject({
          code: 1,
          stdout: "no\n",
        });
        expect(await out("auth", "can-i", "--list")).toMatch(
          /^Resources +Non-Resource URLs +Resource Names +Verbs\n\*\.\* +\[\] +\[\] +\[\*\]\n/,
        );
        await out("create", "role", "reader", "--verb=get,list", "--resource=pods");
        await out("create", "rolebinding", "joe-reads", "--role=reader", "--user=joe");
        expect(await out("auth", "can-i", "list", "pods", "--as=joe")).toBe("yes\n");
        expect(await out("auth", "can-i", "--list", "--as=joe")).toMatch(
          /\npods +\[\] +\[\] +\[get list\]\n/,
        );
        expect(await refusal("get", "cm", "--as=joe")).toBe(
          `Error from server (Forbidden): configmaps is forbidden: User "joe" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"\n`,
        );
        expect(await refusal("get", "nodes", "--as=joe")).toBe(
          'Error from server (Forbidden): nodes is forbidden: User "joe" cannot list resource "nodes" in API group "" at the cluster scope\n',
        );
      });

      test.runIf(minor < 28)("whoami needs a version that is not served any more", async () => {
        expect(await refusal("auth", "whoami")).toBe(
          "error: the selfsubjectreviews API is not enabled in the cluster\n" +
            "enable APISelfSubjectReview feature gate and authentication.k8s.io/v1alpha1 or authentication.k8s.io/v1beta1 API\n",
        );
      });

      test.skipIf(minor < 28)("whoami names the certificate's subject, and the user acted as", async () => {
        const path = "jsonpath={.status.userInfo.username} {.status.userInfo.groups}";
        expect(await out("auth", "whoami", "-o", path)).toBe(
          'kubernetes-admin ["system:masters","system:authenticated"]',
        );
        expect(await out("auth", "whoami", "-o", path, "--as=joe", "--as-group=dev")).toBe(
          'joe ["dev","system:authenticated"]',
        );
      });

      test("a token of a ServiceAccount lets in as it, with its rights", async () => {
        await out("create", "sa", "robot");
        const token = (await out("create", "token", "robot", "--duration=10m")).trim();
        const caFile = file("ca.crt", cluster.cluster.pki.authority.certificate);
        const asRobot = (...args: string[]): Promise<Finished> =>
          run([
            "--kubeconfig=/dev/null",
            `--server=${cluster.url}`,
            `--certificate-authority=${caFile}`,
            `--token=${token}`,
            ...args,
          ]);
        expect((await asRobot("get", "pods", "-n", namespace)).stderr).toContain(
          `pods is forbidden: User "system:serviceaccount:${namespace}:robot" cannot list resource "pods"`,
        );
        await out(
          "create",
          "rolebinding",
          "robot-views",
          "--clusterrole=view",
          `--serviceaccount=${namespace}:robot`,
        );
        expect((await asRobot("get", "cm", "page", "-n", namespace, "-o", "name")).stdout).toBe(
          "configmap/page\n",
        );
      });

      test("a signing request is approved, signed, and its certificate lets in", async () => {
        const { privateKey } = generateKeyPairSync("ec", {
          namedCurve: "P-256",
          privateKeyEncoding: { type: "pkcs8", format: "pem" },
          publicKeyEncoding: { type: "spki", format: "pem" },
        });
        const csr = createSigningRequest(createPrivateKey(privateKey), {
          commonName: "jane",
          organizations: ["dev"],
        });
        const name = `jane-${namespace}`;
        await out(
          "apply",
          "-f",
          file(
            "csr.json",
            JSON.stringify({
              apiVersion: "certificates.k8s.io/v1",
              kind: "CertificateSigningRequest",
              metadata: { name },
              spec: {
                request: Buffer.from(csr).toString("base64"),
                signerName: "kubernetes.io/kube-apiserver-client",
                usages: ["client auth"],
              },
            }),
          ),
        );
        expect(await out("get", "csr", name)).toMatch(/ kubernetes-admin +<none> +Pending\n$/);
        expect(await out("certificate", "approve", name)).toBe(
          `certificatesigningrequest.certificates.k8s.io/${name} approved\n`,
        );
        await out("wait", `csr/${name}`, "--for=jsonpath={.status.certificate}", "--timeout=5s").catch(
          () => {},
        );
        expect(await out("get", "csr", name)).toMatch(/ Approved,Issued\n$/);
        const certificate = await out("get", "csr", name, "-o", "jsonpath={.status.certificate}");
        file("jane.crt", Buffer.from(certificate, "base64").toString("utf8"));
        file("jane.key", privateKey);
        const asJane = await run([
          "--kubeconfig=/dev/null",
          `--server=${cluster.url}`,
          `--certificate-authority=${file("ca.crt", cluster.cluster.pki.authority.certificate)}`,
          "--client-certificate=jane.crt",
          "--client-key=jane.key",
          "get",
          "nodes",
        ]);
        expect(asJane.stderr).toContain('nodes is forbidden: User "jane" cannot list resource "nodes"');
        await out("delete", "csr", name);
      });
    });

    describe("making", () => {
      test.each<[string, string[], string]>([
        ["quota", ["quota", "made", "--hard=configmaps=1k"], "resourcequota/made"],
        ["role", ["role", "made", "--verb=get", "--resource=pods"], "role.rbac.authorization.k8s.io/made"],
        ["secret", ["secret", "generic", "made", "--from-literal=a=b"], "secret/made"],
        ["TLS secret", ["secret", "tls", "made-tls", "--cert=tls.crt", "--key=tls.key"], "secret/made-tls"],
        [
          "registry secret",
          [
            "secret",
            "docker-registry",
            "made-pull",
            "--docker-server=s",
            "--docker-username=u",
            "--docker-password=p",
          ],
          "secret/made-pull",
        ],
        ["job", ["job", "made", "--image=busybox", "--", "true"], "job.batch/made"],
        [
          "cron job",
          ["cronjob", "made", "--image=busybox", "--schedule=*/5 * * * *", "--", "true"],
          "cronjob.batch/made",
        ],
        ["job of a cron job", ["job", "made-now", "--from=cronjob/made"], "job.batch/made-now"],
        ["ingress", ["ingress", "made", "--rule=example.com/path=web:80"], "ingress.networking.k8s.io/made"],
        [
          "disruption budget",
          ["pdb", "made", "--selector=app=web", "--min-available=1"],
          "poddisruptionbudget.policy/made",
        ],
        ["ClusterIP", ["svc", "clusterip", "made", "--tcp=80:8080"], "service/made"],
        ["NodePort", ["svc", "nodeport", "made-node", "--tcp=80"], "service/made-node"],
        ["LoadBalancer", ["svc", "loadbalancer", "made-lb", "--tcp=80"], "service/made-lb"],
        [
          "ExternalName",
          ["svc", "externalname", "made-name", "--external-name=a.example"],
          "service/made-name",
        ],
        [
          "deployment",
          ["deployment", "made", "--image=nginx", "--replicas=1", "--port=80"],
          "deployment.apps/made",
        ],
      ])("create makes a %s", async (_, args, made) => {
        const { server } = cluster.cluster.pki;
        file("tls.crt", server.certificate);
        file("tls.key", server.key);
        expect(await out("create", ...args)).toBe(`${made} created\n`);
        expect(await out("describe", made)).toMatch(/^Name: +made/);
      });

      test("cluster roles, bindings and priorities need no namespace", async () => {
        const name = `made-${namespace}`;
        expect(await out("create", "clusterrole", name, "--verb=get", "--resource=nodes")).toBe(
          `clusterrole.rbac.authorization.k8s.io/${name} created\n`,
        );
        expect(await out("create", "clusterrolebinding", name, `--clusterrole=${name}`, "--user=joe")).toBe(
          `clusterrolebinding.rbac.authorization.k8s.io/${name} created\n`,
        );
        expect(await out("create", "priorityclass", name, "--value=10")).toBe(
          `priorityclass.scheduling.k8s.io/${name} created\n`,
        );
        expect(await out("delete", "clusterrole,clusterrolebinding,priorityclass", name)).toMatch(
          /^(.*deleted.*\n){3}$/,
        );
      });
    });

    describe("nodes", () => {
      test("cordon keeps pods away, drain moves them, uncordon lets them back", async () => {
        expect(await out("cordon", "simulated-2")).toBe("node/simulated-2 cordoned\n");
        expect(await out("get", "node", "simulated-2")).toMatch(/\nsimulated-2 +Ready,SchedulingDisabled /);
        const drained = await out(
          "drain",
          "simulated-2",
          "--ignore-daemonsets",
          "--force",
          "--delete-emptydir-data",
          "--timeout=30s",
        );
        expect(drained).toMatch(/^node\/simulated-2 already cordoned\n/);
        expect(drained).toMatch(/\nnode\/simulated-2 drained\n$/);
        const left = JSON.parse(
          await out("get", "pods", "-o", "json", "--field-selector=spec.nodeName=simulated-2"),
        ) as {
          items: {
            metadata: { ownerReferences?: { kind: string }[]; deletionTimestamp?: string };
            status: { phase: string };
          }[];
        };
        expect(left.items.every(({ metadata }) => metadata.ownerReferences?.[0]?.kind === "DaemonSet")).toBe(
          true,
        );
        expect(await out("uncordon", "simulated-2")).toBe("node/simulated-2 uncordoned\n");
        expect(await out("uncordon", "simulated-2")).toBe("node/simulated-2 already uncordoned\n");
      });

      test("a disruption budget holds an eviction back", async () => {
        await out("create", "deployment", "guarded", "--image=x");
        await out("create", "pdb", "guard", "--selector=app=guarded", "--min-available=1");
        await out("rollout", "status", "deploy/guarded", "--timeout=20s");
        const pod = await podOf("app=guarded");
        await out("wait", "pdb/guard", "--for=jsonpath={.status.currentHealthy}=1", "--timeout=10s");
        const evict = await run(
          ["create", "--raw", `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, "-f", "-"],
          {
            input: JSON.stringify({
              apiVersion: "policy/v1",
              kind: "Eviction",
              metadata: { name: pod, namespace },
            }),
          },
        );
        expect(evict.stderr).toBe(
          "Error from server (TooManyRequests): Cannot evict pod as it would violate the pod's disruption budget.\n",
        );
        await out("delete", "pdb/guard", "deploy/guarded");
      });

      test("taints are set, seen and taken away", async () => {
        expect(await out("taint", "node", "simulated-2", "only=mine:NoSchedule")).toBe(
          "node/simulated-2 tainted\n",
        );
        expect(await out("describe", "node", "simulated-2")).toMatch(/\nTaints: +only=mine:NoSchedule\n/);
        expect(await refusal("taint", "node", "simulated-2", "only=other:NoSchedule")).toBe(
          "error: node simulated-2 already has only taint(s) with same effect(s) and --overwrite is false\n",
        );
        expect(await out("taint", "node", "simulated-2", "only-")).toBe("node/simulated-2 untainted\n");
      });
    });

    describe("deleting", () => {
      const replicaSet = (): Promise<string> => out("get", "rs", "-l", "app=doomed", "-o", "name");
      const make = async (): Promise<void> => {
        await out("create", "deployment", "doomed", "--image=x");
        await out("rollout", "status", "deploy/doomed", "--timeout=20s");
      };

      test("in the background, in the foreground, or leaving orphans", async () => {
        await make();
        expect(await out("delete", "deploy", "doomed", "--cascade=orphan")).toMatch(
          /^deployment.apps "doomed" deleted/,
        );
        const orphan = (await replicaSet()).trim();
        expect(await out("get", orphan, "-o", "jsonpath={.metadata.ownerReferences}")).toBe("");
        expect(await out("delete", orphan, "--cascade=foreground")).toMatch(
          /^replicaset.apps "doomed-\w+" deleted/,
        );
        expect(await out("get", "pods", "-l", "app=doomed", "-o", "name")).toBe("");
        await make();
        await out("delete", "deploy", "doomed");
        await eventually(async () => expect(await replicaSet()).toBe(""));
        await eventually(async () =>
          expect(await out("get", "pods", "-l", "app=doomed", "-o", "name")).toBe(""),
        );
      });

      test("at once and by force, with a warning", async () => {
        await out("run", "forced", "--image=x");
        const forced = await run(["delete", "pod", "forced", "--grace-period=0", "--force"]);
        expect(forced.stdout).toMatch(/^pod "forced" force deleted/);
        expect(forced.stderr).toBe(
          "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n",
        );
        expect(await refusal("delete", "pod", "forced")).toBe(
          'Error from server (NotFound): pods "forced" not found\n',
        );
        expect(await out("delete", "pod", "forced", "--ignore-not-found")).toBe("");
      });

      test("by label, by file, and all", async () => {
        expect(await out("delete", "cm", "-l", "odd=x")).toMatch(
          /^configmap "chunk-1" deleted.*\nconfigmap "chunk-2" deleted.*\n$/,
        );
        expect(await out("delete", "-f", "others.yaml", "--now")).toMatch(
          /^statefulset.apps "db" deleted.*\ndaemonset.apps "agent" deleted.*\njob.batch "sum" deleted.*\npod "extra" deleted/,
        );
        expect(await out("delete", "cm", "--all")).toMatch(deleted);
        expect(await out("delete", "-f", "web.yaml", "--ignore-not-found")).toMatch(
          /^deployment.apps "web" deleted.*\nservice "web" deleted.*\n$/,
        );
      });
    });
  });
});
