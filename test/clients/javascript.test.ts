/**
 * What the official JavaScript client has to bear: a server that dies, history that ends, streams, credentials of all
 * kinds. Its everyday use is in test/conformance/clients.test.ts.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import {
  ApiException,
  Attach,
  AuthenticationV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  type V1ConfigMap,
  type V1Status,
} from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../harness/cluster.ts";
import { Lab } from "./lab.ts";

const namespace = "default";
let lab: Lab;
let config: KubeConfig;
let core: CoreV1Api;

beforeAll(async () => {
  lab = await Lab.open();
  config = new KubeConfig();
  config.loadFromFile(lab.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
  await eventually(() => core.readNamespacedServiceAccount({ name: "default", namespace }));
});
afterAll(() => lab?.close());

/** Everything that comes out of a stream. */
class Text extends PassThrough {
  text = "";

  constructor() {
    super();
    this.on("data", (chunk: Buffer) => (this.text += chunk.toString("utf8")));
  }

  until(wanted: RegExp): Promise<void> {
    return eventually(async () => {
      if (!wanted.test(this.text)) throw new Error(`it said ${JSON.stringify(this.text)}, not ${wanted}`);
    });
  }
}

/** The message of the Status with which a call is refused. */
async function refused(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiException)) throw new Error(`it was not refused: ${String(error)}`);
  return (JSON.parse(String(error.body)) as V1Status).message;
}

async function runningPod(name: string, command?: readonly string[]): Promise<void> {
  await core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name },
      spec: {
        restartPolicy: "Never",
        containers: [{ name: "c", image: "x", stdin: true, ...(command && { command: [...command] }) }],
      },
    },
  });
  await eventually(async () =>
    expect((await core.readNamespacedPod({ namespace, name })).status?.phase).toBe("Running"),
  );
}

describe("an informer of the JavaScript client", () => {
  test.each([
    ["kept", false],
    ["forgotten", true],
  ] as const)(
    "sees what changed while the server was dead and history was %s, once",
    async (label, compact) => {
      const count = 100;
      const names = Array.from({ length: count }, (_, index) => `${label}-${index}`);
      for (let index = 0; index < count; index += 50) {
        await Promise.all(
          names
            .slice(index, index + 50)
            .map((name) => core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } })),
        );
      }
      const list = () => core.listNamespacedConfigMap({ namespace });
      const informer = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, list);
      const heard: string[] = [];
      for (const verb of ["add", "update", "delete"] as const) {
        informer.on(verb, (object) => heard.push(`${verb} ${object.metadata?.name}`));
      }
      informer.on("error", () => void setTimeout(() => void informer.start().catch(() => {}), 200));
      await informer.start();
      const held = heard.length;
      expect(held).toBeGreaterThanOrEqual(count);
      await lab.kill();
      await lab.start({
        namespace,
        create: [`${label}-new`],
        update: [`${label}-1`, `${label}-2`],
        delete: [`${label}-3`],
        compact,
      });
      const revisions = (items: readonly V1ConfigMap[]): unknown =>
        Object.fromEntries(items.map(({ metadata }) => [metadata?.name, metadata?.resourceVersion]));
      await eventually(async () =>
        expect(revisions(informer.list(namespace))).toEqual(revisions((await list()).items)),
      );
      const changes = [`add ${label}-new`, `update ${label}-1`, `update ${label}-2`, `delete ${label}-3`];
      expect(heard.slice(held).sort()).toEqual(changes.sort());
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: `${label}-after` } } });
      await eventually(async () => expect(heard.at(-1)).toBe(`add ${label}-after`));
      await informer.stop();
    },
  );
});

describe("streams of the JavaScript client", () => {
  beforeAll(() => runningPod("streams", ["sh", "-c", "sleep infinity"]));

  test("exec carries input and output, and tells the exit code", async () => {
    const [stdin, stdout] = [new PassThrough(), new Text()];
    const socket = await new Exec(config).exec(
      namespace,
      "streams",
      "c",
      ["cat"],
      stdout,
      null,
      stdin,
      false,
    );
    const large = "0123456789abcdef".repeat(20_000);
    stdin.write(large);
    await eventually(async () => expect(stdout.text).toHaveLength(large.length));
    expect(stdout.text).toBe(large);
    socket.close();
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(namespace, "streams", "c", ["sh", "-c", "exit 3"], new Text(), null, null, false, resolve)
        .catch(reject);
    });
    expect(status.details?.causes).toEqual([{ reason: "ExitCode", message: "3" }]);
  });

  test("attach speaks with the main process", async () => {
    const [stdin, stdout] = [new PassThrough(), new Text()];
    const socket = await new Attach(config).attach(
      namespace,
      "streams",
      "c",
      stdout,
      new PassThrough(),
      stdin,
      false,
    );
    stdin.write("hello\n");
    await stdout.until(/\n/);
    expect(stdout.text).toBe("hello\n");
    socket.close();
  });

  test("port-forward carries a request", async () => {
    const [input, output, error] = [new PassThrough(), new Text(), new Text()];
    const opened = await new PortForward(config).portForward(
      namespace,
      "streams",
      [80],
      output,
      error,
      input,
    );
    input.write("GET / HTTP/1.1\r\nHost: pod\r\n\r\n");
    await output.until(/^HTTP\/1\.1 200 OK\r\n[^]*simulated default\/streams/);
    expect(error.text).toBe("");
    (typeof opened === "function" ? opened() : opened)?.close();
  });

  test("logs are followed", async () => {
    await runningPod("logs", ["sh", "-c", "echo 1; sleep 1; echo 2; sleep 1"]);
    const text = new Text();
    await new Log(config).log(namespace, "logs", "c", text, { follow: true });
    await eventually(async () => expect(text.writableEnded).toBe(true));
    expect(text.text).toBe("1\n2\n");
  });
});

describe("credentials of the JavaScript client", () => {
  const who = async (as: KubeConfig): Promise<string | undefined> => {
    const review = await as
      .makeApiClient(AuthenticationV1Api)
      .createSelfSubjectReview({ body: { metadata: {} } });
    return review.status?.userInfo?.username;
  };

  test("a plugin's token is the service account's", async () => {
    const { status } = await core.createNamespacedServiceAccountToken({
      namespace,
      name: "default",
      body: { spec: { audiences: [], expirationSeconds: 600 } },
    });
    const apiVersion = "client.authentication.k8s.io/v1";
    const credential = JSON.stringify({
      apiVersion,
      kind: "ExecCredential",
      status: { token: status?.token },
    });
    const plugin = join(lab.folder, "plugin");
    writeFileSync(plugin, `#!/bin/sh\nprintf '%s' '${credential}'\n`, { mode: 0o700 });
    const other = new KubeConfig();
    other.loadFromOptions({
      clusters: config.clusters,
      users: [{ name: "u", exec: { apiVersion, command: plugin, interactiveMode: "Never" } }],
      contexts: [{ name: "x", cluster: config.clusters[0]?.name, user: "u" }],
      currentContext: "x",
    });
    expect(await who(other)).toBe("system:serviceaccount:default:default");
  });

  test("who impersonates has the other's rights", async () => {
    const other = new KubeConfig();
    const [user] = config.users;
    other.loadFromOptions({
      clusters: config.clusters,
      users: [{ ...user, impersonateUser: "jane" }],
      contexts: config.contexts,
      currentContext: config.currentContext,
    });
    const refusal = other.makeApiClient(CoreV1Api).listNamespacedConfigMap({ namespace });
    expect(await refused(refusal)).toBe(
      'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
  });
});

test("the JavaScript client applies objects of any kind, and hears of conflicts", async () => {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const apply = (value: string, manager: string, force?: boolean): Promise<V1ConfigMap> =>
    objects.patch<V1ConfigMap>(
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "applied", namespace }, data: { a: value } },
      undefined,
      undefined,
      manager,
      force,
      PatchStrategy.ServerSideApply,
    );
  await apply("1", "first");
  expect(await refused(apply("2", "second"))).toBe(
    'Apply failed with 1 conflict: conflict with "first": .data.a',
  );
  expect((await apply("2", "second", true)).data).toEqual({ a: "2" });
});
