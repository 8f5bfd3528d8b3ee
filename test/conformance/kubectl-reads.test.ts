import { generateKeyPairSync } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtinScheme } from "../../src/api/builtin-scheme.ts";
import { isObject } from "../../src/apimachinery/json.ts";
import { createSigningRequest } from "../../src/pki/index.ts";
import { eventually, type Following, TestCluster } from "../harness/cluster.ts";
import { type Finished, kubectlBinaries } from "../harness/kubectl.ts";

/**
 * How kubectl reads: watches, pages, field selectors, and paths as they are. Objects are written in this process, next
 * to no controller writes to them, so that what is seen is what was written.
 */
const binaries = kubectlBinaries(["1.27", "1.30", "1.33"]);
const isEvery = process.env["SAMPAN_EVERY_KUBECTL"] === "1";

/** They would change or take away what lies here in states that no cluster leaves it in. */
const writers = [
  "job-controller",
  "node-lifecycle-controller",
  "pod-garbage-collector-controller",
  "replicationcontroller-controller",
  "taint-eviction-controller",
];

let cluster: TestCluster;

async function send(method: "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<object> {
  const { transport } = cluster.cluster.client();
  const answer = await transport.request({ method, path, ...(body === undefined ? {} : { body }) });
  return isObject(answer.body) ? answer.body : {};
}

async function makeNamespace(name: string): Promise<void> {
  await send("POST", "/api/v1/namespaces", { metadata: { name } });
  const { transport } = cluster.cluster.client();
  const path = `/api/v1/namespaces/${name}/serviceaccounts/default`;
  await eventually(() => transport.request({ method: "GET", path }));
}

/** Creates an object, then gives it the status. */
async function make(
  path: string,
  name: string,
  rest: object = {},
  status?: object,
  of = "test",
): Promise<void> {
  const metadata = { name, labels: { of } };
  const made = await send("POST", path, { metadata, ...rest });
  if (status !== undefined) await send("PUT", `${path}/${name}/status`, { ...made, status });
}

const podSpec = { containers: [{ name: "c", image: "x" }] };
const running = {
  phase: "Running",
  podIPs: [{ ip: "10.0.0.1" }],
  podIP: "10.0.0.1",
  containerStatuses: [
    { name: "c", ready: true, state: { running: {} }, restartCount: 0, image: "x", imageID: "x" },
  ],
};

beforeAll(async () => {
  if (binaries.length === 0) return;
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: (name) => !writers.includes(name),
  });
  await Promise.all(["fields", "others", "chunks", "few"].map(makeNamespace));
  await makeSelected();
  await Promise.all(chunked.map((name) => make("/api/v1/namespaces/chunks/configmaps", name)));
  await Promise.all(few.map((name) => make("/api/v1/namespaces/few/configmaps", name)));
});

afterAll(async () => {
  await cluster?.stop();
});

/** In the order of their keys. */
const chunked = Array.from({ length: 250 }, (_, index) => `c-${String(index).padStart(3, "0")}`);
const few = chunked.slice(0, 9);

/** Two of each resource, `a` in the namespace fields, `b` in the namespace others, different in all that selects. */
async function makeSelected(): Promise<void> {
  const add = (path: string, name: string, rest?: object, status?: object): Promise<void> =>
    make(path, name, rest, status, "fields");
  const [one, two] = ["/api/v1/namespaces/fields", "/api/v1/namespaces/others"];
  await add(`${two}/serviceaccounts`, "own");
  const special = { nodeName: "n", restartPolicy: "Never", schedulerName: "own", hostNetwork: true };
  await add(`${one}/pods`, "a", { spec: { ...podSpec, ...special } }, running);
  await add(
    `${two}/pods`,
    "b",
    { spec: { ...podSpec, serviceAccountName: "own" } },
    { phase: "Pending", nominatedNodeName: "m" },
  );
  const ports = [{ port: 80 }];
  await add(`${one}/services`, "a", { spec: { clusterIP: "None", ports } });
  await add(`${two}/services`, "b", { spec: { type: "NodePort", ports } });
  await add(`${one}/secrets`, "a");
  await add(`${two}/secrets`, "b", { type: "example.com/b" });
  const template = { metadata: { labels: { app: "x" } }, spec: podSpec };
  const controller = { spec: { replicas: 2, selector: { app: "x" }, template } };
  await add(`${one}/replicationcontrollers`, "a", controller, { replicas: 2 });
  await add(`${two}/replicationcontrollers`, "b", controller);
  const job = { spec: { template: { spec: { ...podSpec, restartPolicy: "Never" } } } };
  const jobs = (namespace: string): string => `/apis/batch/v1/namespaces/${namespace}/jobs`;
  await add(jobs("fields"), "a", job, { succeeded: 1, startTime: "2026-01-01T00:00:00Z" });
  await add(jobs("others"), "b", job);
  await add("/api/v1/nodes", "a", { spec: { unschedulable: true } });
  await add("/api/v1/nodes", "b");
  const stays = { name: "a", labels: { of: "fields" }, finalizers: ["example.com/stays"] };
  await send("POST", "/api/v1/namespaces", { metadata: stays });
  await add("/api/v1/namespaces", "b");
  await send("DELETE", "/api/v1/namespaces/a");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const request = Buffer.from(createSigningRequest(privateKey, { commonName: "x", organizations: [] }));
  for (const name of ["a", "b"]) {
    await add("/apis/certificates.k8s.io/v1/certificatesigningrequests", name, {
      spec: {
        request: request.toString("base64"),
        signerName: `example.com/${name}`,
        usages: ["client auth"],
      },
    });
    await add("/apis/resource.k8s.io/v1/resourceslices", name, {
      spec: {
        driver: `${name}.example.com`,
        pool: { name, generation: 1, resourceSliceCount: 1 },
        ...(name === "a" ? { nodeName: "n" } : { allNodes: true }),
      },
    });
  }
  await add(`${one}/events`, "a", {
    involvedObject: {
      kind: "Pod",
      namespace: "fields",
      name: "a",
      uid: "1",
      apiVersion: "v1",
      resourceVersion: "7",
      fieldPath: "spec.containers{c}",
    },
    reason: "Killing",
    type: "Warning",
    source: { component: "kubelet" },
  });
  await add(`${two}/events`, "b", {
    involvedObject: { kind: "Job", namespace: "others", name: "b" },
    reason: "Made",
    type: "Normal",
    reportingComponent: "maker",
  });
}

const references: readonly (readonly [string, string])[] = [
  ["kind=Pod", "a"],
  ["namespace=others", "b"],
  ["name=b", "b"],
  ["uid=1", "a"],
  ["apiVersion=v1", "a"],
  ["resourceVersion=7", "a"],
  ["fieldPath=spec.containers{c}", "a"],
];
const eventFields: readonly (readonly [string, string])[] = [
  ["reason=Killing", "a"],
  ["type=Normal", "b"],
  ["metadata.name=a", "a"],
  ["metadata.namespace=others", "b"],
];
const ofObject = (field: string): (readonly [string, string])[] =>
  references.map(([rest, selected]) => [`${field}.${rest}`, selected]);

/** Every field that Kubernetes 1.36 knows beyond the names, and which of `a` and `b` has the value. */
const selected: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  pods: [
    ["spec.nodeName=n", "a"],
    ["spec.nodeName=", "b"],
    ["spec.host=n", "a"],
    ["spec.restartPolicy=Never", "a"],
    ["spec.schedulerName=own", "a"],
    ["spec.serviceAccountName=own", "b"],
    ["spec.hostNetwork=true", "a"],
    ["spec.hostNetwork=false", "b"],
    ["status.phase=Running", "a"],
    ["status.podIP=10.0.0.1", "a"],
    // Known, but of no value ever.
    ["status.podIPs=10.0.0.1", ""],
    ["status.nominatedNodeName=m", "b"],
    ["metadata.name=b", "b"],
    ["metadata.namespace=fields", "a"],
  ],
  events: [
    ...ofObject("involvedObject"),
    ...eventFields,
    ["source=kubelet", "a"],
    ["source=maker", "b"],
    ["reportingComponent=maker", "b"],
  ],
  "events.v1.events.k8s.io": [...ofObject("regarding"), ...eventFields, ["reportingController=maker", "b"]],
  nodes: [
    ["spec.unschedulable=true", "a"],
    ["spec.unschedulable=false", "b"],
  ],
  secrets: [["type=Opaque", "a"]],
  services: [
    ["spec.clusterIP=None", "a"],
    ["spec.type=NodePort", "b"],
  ],
  namespaces: [
    ["status.phase=Terminating", "a"],
    ["metadata.name=b", "b"],
  ],
  replicationcontrollers: [
    ["status.replicas=2", "a"],
    ["status.replicas=0", "b"],
  ],
  jobs: [
    ["status.successful=1", "a"],
    ["status.successful=0", "b"],
  ],
  certificatesigningrequests: [["spec.signerName=example.com/a", "a"]],
  resourceslices: [
    ["spec.driver=a.example.com", "a"],
    ["spec.nodeName=n", "a"],
  ],
};

const known = 'is not a known field selector: only "metadata.name", "metadata.namespace"';

/** What is refused where others have it, and in which words. */
const refused = [
  ["configmaps", "data.a", `"data.a" ${known}`],
  ["replicasets", "status.replicas", `"status.replicas" ${known}`],
  ["persistentvolumeclaims", "name", `"name" ${known}`],
  ["customresourcedefinitions", "spec.group", `"spec.group" ${known}`],
  ["pods", "spec.hostname", "field label not supported: spec.hostname"],
  ["nodes", "metadata.namespace", "field label not supported: metadata.namespace"],
  ["namespaces", "name", "field label not supported: name"],
  ["certificatesigningrequests", "spec.usages", "field label not supported: spec.usages"],
  ["events.v1.events.k8s.io", "source", "field label not supported: source"],
  ["jobs", "status.succeeded", 'field label "status.succeeded" not supported for Job'],
  [
    "resourceslices",
    "spec.pool",
    "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: spec.pool",
  ],
] as const;

/** The rows of a watch without their ages: cells between single blanks. */
const rowsOf = (text: string): string[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ +/g, " ").replace(/ (AGE|\d+s)\b/, ""));

describe.skipIf(binaries.length === 0)(`reads${binaries.length === 0 ? " (no kubectl in PATH)" : ""}`, () => {
  describe.each(binaries)("by kubectl $version", ({ version, path }) => {
    const namespace = `reads-${version.replaceAll(/\W/g, "-").toLowerCase()}`;
    const isNewest = version === binaries.at(-1)?.version;

    const run = (args: readonly string[], inNamespace = namespace): Promise<Finished> =>
      cluster.kubectl(path, inNamespace)(args);
    /** Standard output of a command that succeeds and has nothing to complain of. */
    const out = async (args: readonly string[], inNamespace = namespace): Promise<string> => {
      const { code, stdout, stderr } = await run(args, inNamespace);
      expect({ code, stderr }, args.join(" ")).toEqual({ code: 0, stderr: "" });
      return stdout;
    };
    /** Names without their kinds, a blank between two. */
    const namesOf = (text: string): string => text.replace(/^.*\//gm, "").trimEnd().replaceAll("\n", " ");

    beforeAll(() => makeNamespace(namespace));

    describe("-w", () => {
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      const following: Following[] = [];
      const follow = (...args: readonly string[]): Following => {
        const started = cluster.follow(path, ["get", ...args], namespace);
        following.push(started);
        return started;
      };
      afterAll(async () => {
        await Promise.all(following.map((each) => each.end()));
      });

      test("shows what comes, changes and goes as rows, in each of its forms", async () => {
        await make(pods, "old", { spec: podSpec });
        const timed = run(["get", "pods", "-w", "--request-timeout=3s"]);
        const plain = follow("pods", "-w");
        const wide = follow("pods", "-o", "wide", "-w");
        const named = follow("pods", "-w", "--output-watch-events");
        const selecting = follow(
          "pods",
          "-w",
          "--output-watch-events",
          "--field-selector=status.phase=Running",
        );
        await Promise.all([plain, wide, named].map((each) => each.until(/old /)));
        // This one says nothing before something happens, so something happens until it has seen it.
        await eventually(async () => {
          await make(pods, "probe", { spec: podSpec }, running);
          await send("DELETE", `${pods}/probe`, { gracePeriodSeconds: 0 });
          await selecting.until(/DELETED +probe/, 200);
        });
        await make(pods, "new", { spec: { ...podSpec, nodeName: "n" } }, running);
        await send("DELETE", `${pods}/new`, { gracePeriodSeconds: 0 });
        await Promise.all([
          plain.until(/(new .*\n){3}/),
          wide.until(/(new .*\n){3}/),
          named.until(/DELETED +new /),
          selecting.until(/DELETED +new /),
        ]);
        const ofNew = async (watching: Following): Promise<string[]> =>
          rowsOf(await watching.end()).filter((row) => !row.includes("probe"));
        const [pending, ready] = ["new 0/1 Pending 0", "new 1/1 Running 0"];
        const none = "<none> <none>";
        expect(await ofNew(plain)).toEqual([
          "NAME READY STATUS RESTARTS",
          "old 0/1 Pending 0",
          pending,
          ready,
          ready,
        ]);
        expect(await ofNew(wide)).toEqual([
          "NAME READY STATUS RESTARTS IP NODE NOMINATED NODE READINESS GATES",
          `old 0/1 Pending 0 <none> <none> ${none}`,
          `${pending} <none> n ${none}`,
          `${ready} 10.0.0.1 n ${none}`,
          `${ready} 10.0.0.1 n ${none}`,
        ]);
        expect(await ofNew(named)).toEqual([
          "EVENT NAME READY STATUS RESTARTS",
          "ADDED old 0/1 Pending 0",
          `ADDED ${pending}`,
          `MODIFIED ${ready}`,
          `DELETED ${ready}`,
        ]);
        // What enters a selection is added to it.
        expect(await ofNew(selecting)).toEqual([
          "EVENT NAME READY STATUS RESTARTS",
          `ADDED ${ready}`,
          `DELETED ${ready}`,
        ]);
        const { code, stdout, stderr } = await timed;
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(rowsOf(stdout).slice(0, 2)).toEqual(["NAME READY STATUS RESTARTS", "old 0/1 Pending 0"]);
      });

      test("--watch-only leaves out what was there before", async () => {
        const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
        await make(configMaps, "before");
        const watching = follow("cm", "--watch-only", "--output-watch-events", "-l", "of=test");
        await eventually(async () => {
          await make(configMaps, "probe");
          await send("DELETE", `${configMaps}/probe`);
          await watching.until(/DELETED +probe/, 200);
        });
        await make(configMaps, "late");
        await send("PUT", `${configMaps}/before`, {
          metadata: { name: "before", labels: { of: "test" } },
          data: { a: "b" },
        });
        await send("DELETE", `${configMaps}/late`);
        await watching.until(/DELETED +late/);
        expect(rowsOf(await watching.end()).filter((row) => !row.includes("probe"))).toEqual([
          "EVENT NAME DATA",
          "ADDED late 0",
          "MODIFIED before 1",
          "DELETED late 0",
        ]);
      });
    });

    describe("--chunk-size", () => {
      const list = (of: string, size: number, ...more: readonly string[]): Promise<string> =>
        out(["get", "cm", "-l", "of=test", `--chunk-size=${size}`, ...more], of);

      // kubectl asks for ten pages at once, then for five in a second: small pages of all take their time.
      test.each([isNewest || isEvery ? 7 : 30, 500, 0])("%d gives all in their order", async (size) => {
        const [named, table] = await Promise.all([list("chunks", size, "-o", "name"), list("chunks", size)]);
        expect(namesOf(named)).toBe(chunked.join(" "));
        expect(rowsOf(table)).toEqual(["NAME DATA", ...chunked.map((name) => `${name} 0`)]);
      });

      test("1 gives all in their order, one by one", async () => {
        expect(namesOf(await list("few", 1, "-o", "name"))).toBe(few.join(" "));
      });

      test.each([1, 7, 500, 0])("%d gives what was there at one time while others write", async (size) => {
        const configMaps = "/api/v1/namespaces/few/configmaps";
        const passing: string[] = [];
        const state = (): string => [...few, ...passing].sort().join(" ");
        const states = new Set([state()]);
        const done = new AbortController();
        const listed = list("few", size, "-o", "name").finally(() => done.abort());
        // Five come between and after the others, then they go.
        for (let index = 0; !done.signal.aborted; index++) {
          const name = `c-${String((index * 3) % 15).padStart(3, "0")}-passing`;
          if (passing.includes(name)) {
            await send("DELETE", `${configMaps}/${name}`);
            passing.splice(passing.indexOf(name), 1);
          } else {
            await make(configMaps, name);
            passing.push(name);
          }
          states.add(state());
          await pause(5);
        }
        for (const name of passing) await send("DELETE", `${configMaps}/${name}`);
        expect(states.size).toBeGreaterThan(2);
        expect(states).toContain(namesOf(await listed));
      });
    });

    describe("--field-selector", () => {
      const select = async (resource: string, selector: string): Promise<string> =>
        namesOf(
          await out(
            ["get", resource, "-A", "-l", "of=fields", "-o", "name", `--field-selector=${selector}`],
            "fields",
          ),
        );
      // One version for all of them, the others for some: what they send is the same.
      const some = <T>(rows: readonly T[]): readonly T[] =>
        isNewest || isEvery ? rows : rows.filter((_row, index) => index % 6 === 0);

      test.each(Object.entries(selected).map(([resource, rows]) => ({ resource, rows: some(rows) })))(
        "of $resource",
        async ({ resource, rows }) => {
          for (const [selector, names] of rows) {
            const others = ["a", "b"].filter((name) => name !== names).join(" ");
            const [equal, unequal] = await Promise.all([
              select(resource, `${selector},metadata.name!=probe`),
              select(resource, selector.replace("=", "!=")),
            ]);
            expect([selector, equal, unequal]).toEqual([selector, names, others]);
          }
        },
      );

      /** Of all that is listed, as kubectl names it: `jobs.v1.batch`. */
      const listed = builtinScheme({ betas: true })
        .resources()
        .filter(({ verbs, storage, version }) => verbs.includes("list") && storage.version === version);
      const all = (isNamespaced: boolean): string =>
        listed
          .filter(({ namespaced }) => namespaced === isNamespaced)
          .map(({ group, version, resource }) => `${resource}.${version}.${group}`)
          .sort()
          .join(",");

      test.each(some([true, false]))("by name is of everything (namespaced: %s)", async (isNamespaced) => {
        const get = async (...args: readonly string[]): Promise<string[]> =>
          (await run(["get", all(isNamespaced), "-A", "-o", "name", ...args])).stdout.trimEnd().split("\n");
        const whole = await get();
        const named = whole.filter((name) => name.endsWith("/default"));
        expect(named.length).toBeGreaterThan(0);
        expect(await get("--field-selector=metadata.name=default")).toEqual(named);
        expect(await get("--field-selector=metadata.name!=default")).toEqual(
          whole.filter((name) => !named.includes(name)),
        );
      });

      test.each(some(refused))("of %s by %s is refused", async (resource, field, words) => {
        const {
          group,
          version,
          resource: name,
        } = listed.find(
          (each) =>
            `${each.resource}.${each.version}.${each.group}` === resource || each.resource === resource,
        ) ?? { group: "", version: "v1", resource };
        const served = `${group}/${version}, Resource=${name}`;
        expect(await run(["get", resource, `--field-selector=${field}=x`])).toEqual({
          code: 1,
          stdout: "",
          stderr: `Error from server (BadRequest): Unable to find "${served}" that match label selector "", field selector "${field}=x": ${words}\n`,
        });
      });
    });

    describe("--raw", () => {
      const write = (data: object, file = "raw.json"): string => {
        const metadata = { name: "raw", labels: { of: "raw" } };
        const body = { apiVersion: "v1", kind: "ConfigMap", metadata, ...data };
        return cluster.write(file, JSON.stringify(body));
      };
      const collection = `/api/v1/namespaces/${namespace}/configmaps`;

      test("creates, gets, replaces and deletes at a path, and prints what the server answers", async () => {
        const raw = async (verb: string, at: string, ...more: readonly string[]): Promise<unknown> =>
          JSON.parse(await out([verb, "--raw", at, ...more]));
        const made = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "raw", namespace } };
        expect(await raw("create", collection, "-f", write({}))).toMatchObject(made);
        expect(await raw("get", `${collection}/raw`)).toMatchObject(made);
        expect(await raw("get", `${collection}?labelSelector=of%3Draw&limit=5`)).toMatchObject({
          kind: "ConfigMapList",
          items: [{ metadata: { name: "raw" } }],
        });
        const changed = { data: { a: "b" } };
        expect(await raw("replace", `${collection}/raw`, "-f", write(changed))).toMatchObject(changed);
        expect(await raw("get", `${collection}/raw`)).toMatchObject(changed);
        expect(await raw("delete", `${collection}/raw`)).toMatchObject({
          kind: "Status",
          status: "Success",
          details: { name: "raw", kind: "configmaps" },
        });
        expect(await out(["get", "--raw", "/readyz"])).toBe("ok");
      });

      test("is refused as what it stands for is", async () => {
        await out(["create", "--raw", collection, "-f", write({})]);
        const stale = write({ metadata: { name: "raw", resourceVersion: "1" } }, "stale.json");
        const text = cluster.write("raw.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n");
        const missing = '(NotFound): configmaps "nope" not found';
        const rows = [
          [["get", "--raw", `${collection}/nope`], missing],
          [["delete", "--raw", `${collection}/nope`], missing],
          [["get", "--raw", "/apis/nope"], "(NotFound): the server could not find the requested resource"],
          [
            ["create", "--raw", collection, "-f", write({})],
            '(AlreadyExists): configmaps "raw" already exists',
          ],
          [
            ["replace", "--raw", `${collection}/raw`, "-f", stale],
            '(Conflict): Operation cannot be fulfilled on configmaps "raw": the object has been modified; please apply your changes to the latest version and try again',
          ],
          // It goes as it is, called JSON.
          [
            ["create", "--raw", collection, "-f", text],
            "(BadRequest): the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: invalid character 'a' looking for beginning of value (61706956657273696f6e3a2076310a6b696e643a20436f6e6669674d6170 ...)",
          ],
        ] as const;
        for (const [args, words] of rows) {
          const { code, stdout, stderr } = await run(args);
          expect({ code, stdout, stderr }).toEqual({
            code: 1,
            stdout: "",
            stderr: `Error from server ${words}\n`,
          });
        }
      });
    });
  });
});
