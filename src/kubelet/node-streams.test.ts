import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { StatusError } from "../apimachinery/status.ts";
import type { ContainerTarget, LogOptions } from "../streaming/node-connection.ts";
import { type Harness, newContainer } from "./testing/harness.ts";
import { kubelets } from "./testing/kubelets.ts";

const started = kubelets();

const p = "simulated.sampan.dev/";
const never = new AbortController().signal;

async function target(h: Harness, pod: string, container = "app"): Promise<ContainerTarget> {
  const { metadata } = await h.pod(pod);
  return { namespace: "default", pod, podUid: metadata.uid ?? "", container };
}

async function logsOf(h: Harness, pod: string, options: LogOptions = {}): Promise<string> {
  let text = "";
  const stream = await h.kubelet.logs(await target(h, pod), options, never);
  for await (const chunk of stream) text += Buffer.from(chunk).toString();
  return text;
}

const failure = async (promise: Promise<unknown>): Promise<[number, string]> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof StatusError ? [error.code, error.message] : [0, String(error)];
};

describe("logs", () => {
  test("are those of the container, and the previous ones on demand", async () => {
    const h = await started();
    await h.createPod("web", {}, { [`${p}log`]: "hello", [`${p}run-duration`]: "1s" });
    expect(await logsOf(h, "web")).toBe("hello\n");
    expect(await failure(logsOf(h, "web", { previous: true }))).toEqual([
      400,
      'previous terminated container "app" in pod "web" not found',
    ]);
    await h.advance(1_000);
    expect(await logsOf(h, "web", { previous: true })).toBe("hello\n");
  });

  test("are followed until the container ends", async () => {
    const h = await started();
    await h.createPod(
      "job",
      { restartPolicy: "Never" },
      { [`${p}log`]: "x", [`${p}log-every`]: "1s", [`${p}run-duration`]: "3500ms" },
    );
    const following = logsOf(h, "job", { follow: true });
    await h.advance(5_000);
    expect(await following).toBe("x\nx\nx\nx\n");
  });

  test.each([
    ["missing:1", 'container "app" in pod "bad" is waiting to start: image can\'t be pulled', 0],
    [
      "missing:1",
      'container "app" in pod "bad" is waiting to start: trying and failing to pull image',
      1_000,
    ],
  ])("of a container that waits for %s: %s", async (image, message, afterMs) => {
    const h = await started();
    await h.createPod("bad", { containers: [newContainer("app", { image })] });
    await h.advance(afterMs);
    expect(await failure(logsOf(h, "bad"))).toEqual([400, message]);
  });

  test("of a container that the pod does not have are refused", async () => {
    const h = await started();
    await h.createPod("web");
    const wrong = await target(h, "web", "nix");
    expect(await failure(h.kubelet.logs(wrong, {}, never))).toEqual([
      400,
      "container nix is not valid for pod web",
    ]);
  });
});

describe("streams", () => {
  test("exec runs a command in the container", async () => {
    const h = await started();
    await h.createPod("web");
    const stdout = new PassThrough();
    const options = { command: ["sh", "-c", "echo hi; exit 3"], tty: false };
    const result = await h.kubelet.exec(await target(h, "web"), options, { stdout }, never);
    expect([result.exitCode, String(stdout.read())]).toEqual([3, "hi\n"]);
  });

  test("exec into a container that does not run is refused", async () => {
    const h = await started();
    await h.createPod("job", { restartPolicy: "Never" }, { [`${p}exit-code`]: "0" });
    await h.advance(1);
    const call = h.kubelet.exec(await target(h, "job"), { command: ["true"], tty: false }, {}, never);
    expect(await failure(call)).toEqual([
      500,
      'Internal error occurred: unable to upgrade connection: container not found ("app")',
    ]);
  });

  test("attach ends with the container", async () => {
    const h = await started();
    await h.createPod("job", { restartPolicy: "Never" }, { [`${p}run-duration`]: "1s" });
    const attached = h.kubelet.attach(await target(h, "job"), { tty: false }, {}, never);
    await h.advance(1_000);
    await attached;
    expect((await h.pod("job")).status?.phase).toBe("Succeeded");
  });

  test("port-forward reaches the pod", async () => {
    const h = await started();
    await h.createPod("web");
    const connection = await h.kubelet.portForward(await target(h, "web"), 80, never);
    connection.writable.write("GET / HTTP/1.1\r\n\r\n");
    expect(String(connection.readable.read())).toContain("simulated default/web");
    connection.close();
  });

  test("of a pod that is not here are not found", async () => {
    const h = await started();
    const nobody = { namespace: "default", pod: "nix", podUid: "nix", container: "app" };
    expect(await failure(h.kubelet.logs(nobody, {}, never))).toEqual([404, 'pods "nix" not found']);
  });
});
