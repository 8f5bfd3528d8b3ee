import { describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { newClient } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { FakeTransport } from "../client/testing/fake-transport.ts";
import { kubectl } from "./index.ts";
import { capturedIo } from "./testing/captured-io.ts";

async function run(transport: FakeTransport, ...argv: string[]) {
  const io = capturedIo({ environment: { KUBECONFIG: "/nonexistent" } });
  const code = await kubectl(argv, { io, transport, clock: new VirtualClock() });
  return { code, out: io.stdout(), err: io.stderr() };
}

async function withPod(): Promise<FakeTransport> {
  const transport = new FakeTransport();
  await newClient(transport)
    .resource(resources.pods)
    .create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace: "default", labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "nginx" }] },
    });
  return transport;
}

describe("kubectl()", () => {
  it.each([
    [["foo"], 'error: unknown command "foo" for "kubectl"\n\nDid you mean this?\n\ttop\n'],
    [["get", "--nope"], "error: unknown flag: --nope\nSee 'kubectl get --help' for usage.\n"],
    [["scale", "deploy"], 'error: required flag(s) "replicas" not set\n'],
    [["config", "foo"], "error: unknown command \"foo\"\nSee 'kubectl config -h' for help and examples\n"],
    [
      ["create", "ns"],
      "error: exactly one NAME is required, got 0\nSee 'kubectl create namespace -h' for help and examples\n",
    ],
    [["get", "foo"], 'error: the server doesn\'t have a resource type "foo"\n'],
    [["get", "pods", "nope"], 'Error from server (NotFound): pods "nope" not found\n'],
    [["delete", "pods"], "error: resource(s) were provided, but no name was specified\n"],
    [["logs", "nope"], 'error: error from server (NotFound): pods "nope" not found in namespace "default"\n'],
  ])("%j ends with 1 and says why", async (argv, text) => {
    const { code, err, out } = await run(new FakeTransport(), ...argv);
    expect({ code, err, out }).toEqual({ code: 1, err: text, out: "" });
  });

  it("top needs the metrics API", async () => {
    const { code, err } = await run(new FakeTransport(), "top", "pods");
    expect({ code, err }).toEqual({ code: 1, err: "error: Metrics API not available\n" });
  });

  it("get -o name and jsonpath print from the objects", async () => {
    const transport = await withPod();
    expect(await run(transport, "get", "pods", "-o", "name")).toEqual({ code: 0, out: "pod/web\n", err: "" });
    const path = await run(transport, "get", "pod/web", "-ojsonpath={.spec.containers[*].image}");
    expect(path.out).toBe("nginx");
  });

  it("get says when there is nothing", async () => {
    const transport = new FakeTransport();
    expect(await run(transport, "get", "pods")).toEqual({
      code: 0,
      out: "",
      err: "No resources found in default namespace.\n",
    });
    expect((await run(transport, "get", "namespaces")).err).toBe("No resources found\n");
    expect((await run(transport, "-n", "x", "get", "pods")).err).toBe("No resources found in x namespace.\n");
  });

  it("label changes, keeps, and removes", async () => {
    const transport = await withPod();
    expect((await run(transport, "label", "pod", "web", "a=b")).out).toBe("pod/web labeled\n");
    expect((await run(transport, "label", "pod", "web", "a=c")).err).toBe(
      "error: 'a' already has a value (b), and --overwrite is false\n",
    );
    expect((await run(transport, "label", "pod", "web", "a-")).out).toBe("pod/web unlabeled\n");
    expect((await run(transport, "label", "pod", "web", "--list")).out).toBe("app=web\n");
  });

  it("create --dry-run=client needs no server", async () => {
    const { out, code } = await run(
      new FakeTransport(),
      "create",
      "cm",
      "c",
      "--from-literal=b=2",
      "--from-literal=a=1",
      "--dry-run=client",
      "-oyaml",
    );
    expect(code).toBe(0);
    expect(out).toBe(
      'apiVersion: v1\ndata:\n  a: "1"\n  b: "2"\nkind: ConfigMap\nmetadata:\n  creationTimestamp: null\n  name: c\n',
    );
  });

  it("describe finds pods by the beginning of their name", async () => {
    const transport = await withPod();
    const { out, code } = await run(transport, "describe", "pod", "we", "--show-events=false");
    expect(code).toBe(0);
    expect(out).toContain(
      "Name:         web\nNamespace:    default\nNode:         <none>\nLabels:       app=web\n",
    );
    expect(out).toContain("Containers:\n  web:\n    Image:        nginx\n    Port:         <none>\n");
  });

  it("delete with --dry-run=client leaves things as they are", async () => {
    const transport = await withPod();
    expect((await run(transport, "delete", "pod", "web", "--dry-run=client")).out).toBe(
      'pod "web" deleted (dry run)\n',
    );
    expect((await run(transport, "get", "pods", "-oname")).out).toBe("pod/web\n");
  });

  it("--help lists the commands without a server", async () => {
    const { code, out } = await run(new FakeTransport(), "--help");
    expect(code).toBe(0);
    expect(out).toContain("port-forward");
  });
});
