import type { IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPki, signJwt } from "../../src/pki/index.ts";
import { MemoryStorage } from "../../src/storage/memory/memory-storage.ts";
import { eventually, TestCluster } from "../harness/cluster.ts";

/**
 * What clients may get wrong, over HTTPS as they send it. Each gets a Status whose code, reason and message let them do
 * something about it, and the server goes on.
 */
let cluster: TestCluster;

beforeAll(async () => {
  // History that was there and is forgotten.
  const storage = new MemoryStorage();
  for (let revision = 1; revision <= 20; revision++) {
    await storage.txn([], [{ type: "put", key: "/gone", value: Buffer.from(String(revision)) }]);
  }
  await storage.compact(20);
  cluster = await TestCluster.start({ storage });
  await send("POST", configMaps, { body: configMap("there") });
  await eventually(async () => {
    const { status } = await send("GET", "/api/v1/namespaces/default/serviceaccounts/default");
    if (status !== 200) throw new Error(`answered ${status}`);
  });
});

afterAll(async () => {
  await cluster.stop();
});

const configMaps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";
const configMap = (name: string, data: object = {}): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});
const pod = (metadata: object, spec: object = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata,
  spec: { containers: [{ name: "c", image: "x" }], ...spec },
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly warning: string | undefined;
  readonly text: string;
  readonly body: { readonly reason?: string; readonly message?: string; readonly [key: string]: unknown };
}

interface Ask {
  readonly body?: unknown;
  /** Sent as it is, instead of a JSON body. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the administrator's certificate. */
  readonly credentials?: Pick<RequestOptions, "cert" | "key">;
}

/** One request of its own connection. The path is sent as it is, dots and all. */
function send(method: string, path: string, ask: Ask = {}): Promise<Answer> {
  const { authority, admin } = cluster.cluster.pki;
  const sent = ask.raw ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body));
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      host: "127.0.0.1",
      port: cluster.port,
      ca: authority.certificate,
      ...(ask.credentials ?? { cert: admin.certificate, key: admin.key }),
      method,
      path,
      agent: false,
      headers: {
        ...(sent === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(sent) }),
        ...ask.headers,
      },
    };
    let answered = false;
    const request = httpsRequest(options, (response: IncomingMessage) => {
      answered = true;
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(answerOf(response, Buffer.concat(chunks).toString("utf8"))));
      response.on("error", reject);
    });
    // A server that has refused may close before it has read everything.
    request.on("error", (error) => (answered ? undefined : reject(error)));
    request.end(sent);
  });
}

function answerOf(response: IncomingMessage, text: string): Answer {
  const type = response.headers["content-type"] ?? "";
  const isOne = type === "application/json" && text !== "" && !text.includes("}\n{");
  const body = isOne ? (JSON.parse(text) as Answer["body"]) : {};
  const warning = response.headers["warning"];
  return { status: response.statusCode ?? 0, type, warning, text, body };
}

const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

/** What a refusal looks like; without a reason the server has none to give. */
function refusal(code: number, reason: string | undefined, message: string | RegExp): object {
  return {
    status: code,
    body: {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: typeof message === "string" ? message : matching(message),
      ...(reason === undefined ? {} : { reason }),
      code,
    },
  };
}

const post = (path: string, body: unknown, headers?: Ask["headers"]): Promise<Answer> =>
  send("POST", path, { body, ...(headers === undefined ? {} : { headers }) });

describe("bodies that cannot be read", () => {
  test("broken JSON", async () => {
    expect(await send("POST", configMaps, { raw: '{"kind": "ConfigMap", "metadata": {' })).toMatchObject(
      refusal(
        400,
        "BadRequest",
        /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: unexpected end of JSON input/,
      ),
    );
  });

  test("broken YAML", async () => {
    expect(
      await send("POST", configMaps, {
        raw: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n",
        headers: { "content-type": "application/yaml" },
      }),
    ).toMatchObject(
      refusal(
        400,
        "BadRequest",
        "the object provided is unrecognized (must be of type ConfigMap): yaml: line 3: did not find expected ',' or '}' " +
          "(61706956657273696f6e3a2076310a6b696e643a20436f6e6669674d6170 ...)",
      ),
    );
    expect(
      await send("PATCH", `${configMaps}/x?fieldManager=m`, {
        raw: "a: [\n",
        headers: { "content-type": "application/apply-patch+yaml" },
      }),
    ).toMatchObject(
      refusal(
        400,
        "BadRequest",
        "error decoding YAML: error converting YAML to JSON: yaml: line 1: did not find expected node content",
      ),
    );
  });

  test("broken protobuf", async () => {
    expect(
      await send("POST", configMaps, {
        raw: Buffer.from("k8s\0\xff\xff\xff", "latin1"),
        headers: { "content-type": "application/vnd.kubernetes.protobuf" },
      }),
    ).toMatchObject(refusal(400, "BadRequest", /./));
  });

  test("no body", async () => {
    expect(await send("POST", configMaps, { raw: "" })).toMatchObject(
      refusal(
        400,
        "BadRequest",
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
      ),
    );
  });

  test("a list, a text, a number, a truth", async () => {
    for (const raw of ["[]", '"text"', "1", "true"]) {
      expect((await send("POST", configMaps, { raw })).status, raw).toBe(400);
    }
  });

  test("another kind than the path's", async () => {
    expect(await post(configMaps, { ...configMap("a"), kind: "Secret" })).toMatchObject(
      refusal(
        400,
        "BadRequest",
        'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
      ),
    );
  });

  test("another version than the path's", async () => {
    expect(await post(configMaps, { ...configMap("a"), apiVersion: "v2" })).toMatchObject(
      refusal(400, "BadRequest", /v2/),
    );
  });

  test("a media type that nobody speaks", async () => {
    expect(
      await send("POST", configMaps, {
        raw: "a=b",
        headers: { "content-type": "application/x-www-form-urlencoded" },
      }),
    ).toMatchObject(
      refusal(
        415,
        "UnsupportedMediaType",
        /^the body of the request was in an unknown format - accepted media types include: application\/json, application\/yaml, application\/vnd\.kubernetes\.protobuf/,
      ),
    );
  });

  test("a patch of no known type", async () => {
    expect(await send("PATCH", `${configMaps}/there`, { body: {} })).toMatchObject(
      refusal(415, "UnsupportedMediaType", /^415: Unsupported Media Type$/),
    );
  });

  test("an answer in a form that nobody speaks", async () => {
    expect(await send("GET", `${configMaps}/there`, { headers: { accept: "text/html" } })).toMatchObject(
      refusal(
        406,
        "NotAcceptable",
        /^406: Not Acceptable\n\nAvailable representations: application\/json, application\/yaml, application\/vnd\.kubernetes\.protobuf$/,
      ),
    );
  });
});

describe("resources that are to be given up", () => {
  test.each([
    [
      "GET",
      "/api/v1/namespaces/default/endpoints/none",
      404,
      "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ],
    [
      "GET",
      "/api/v1/namespaces/default/endpoints",
      200,
      "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ],
    [
      "DELETE",
      "/api/v1/namespaces/default/endpoints/none",
      404,
      "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ],
    ["GET", "/api/v1/componentstatuses", 200, "v1 ComponentStatus is deprecated in v1.19+"],
  ])("%s %s warns, whatever becomes of it", async (method, path, status, warning) => {
    const answer = await send(method, path);
    expect([answer.status, answer.warning]).toEqual([status, `299 - ${JSON.stringify(warning)}`]);
  });
});

test("an older version of an autoscaler is replaced without its uid", async () => {
  const path = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
  const object = (maxReplicas: number): object => ({
    metadata: { name: "older" },
    spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, maxReplicas },
  });
  expect((await send("POST", path, { body: object(3) })).status).toBe(201);
  const replaced = await send("PUT", `${path}/older`, { body: object(4) });
  expect([replaced.status, replaced.body]).toMatchObject([200, { spec: { maxReplicas: 4 } }]);
});

describe("fields", () => {
  const strict = "?fieldValidation=Strict";

  test("unknown ones, each by its path", async () => {
    expect(
      await post(
        pods + strict,
        pod({ name: "a", labls: {} }, { containers: [{ name: "c", image: "x", imagee: "y" }], foo: 1 }),
      ),
    ).toMatchObject(
      refusal(
        400,
        "BadRequest",
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "metadata.labls", unknown field "spec.containers[0].imagee", unknown field "spec.foo"',
      ),
    );
  });

  test("the same one twice", async () => {
    expect(
      await send("POST", configMaps + strict, {
        raw: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","name":"b"}}',
      }),
    ).toMatchObject(
      refusal(
        400,
        "BadRequest",
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "metadata.name"',
      ),
    );
  });

  test("of the wrong type", async () => {
    expect(await post(configMaps, configMap("a", { n: 1 }))).toMatchObject(
      refusal(
        400,
        "BadRequest",
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
      ),
    );
    expect(await post(pods, pod({ name: "a" }, { containers: {} }))).toMatchObject(
      refusal(
        400,
        "BadRequest",
        /^Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field PodSpec\.spec\.containers of type \[\]v1\.Container$/,
      ),
    );
    expect(await post(pods, pod({ name: "a" }, { terminationGracePeriodSeconds: "5" }))).toMatchObject(
      refusal(
        400,
        "BadRequest",
        /^Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec\.spec\.terminationGracePeriodSeconds of type int64$/,
      ),
    );
  });

  test("a quantity that is none", async () => {
    expect(
      await post(
        pods,
        pod(
          { name: "a" },
          { containers: [{ name: "c", image: "x", resources: { requests: { cpu: "much" } } }] },
        ),
      ),
    ).toMatchObject(
      refusal(
        400,
        "BadRequest",
        /^Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression/,
      ),
    );
  });

  test("an unknown way to validate fields", async () => {
    expect(await post(`${configMaps}?fieldValidation=Sometimes`, configMap("a"))).toMatchObject(
      refusal(422, "Invalid", /fieldValidation: Unsupported value: "Sometimes"/),
    );
  });
});

describe("values", () => {
  test("a name too long", async () => {
    expect(await post(configMaps, configMap("a".repeat(254)))).toMatchObject(
      refusal(
        422,
        "Invalid",
        `ConfigMap "${"a".repeat(254)}" is invalid: metadata.name: Invalid value: "${"a".repeat(254)}": must be no more than 253 characters`,
      ),
    );
  });

  test("a name of forbidden characters", async () => {
    const answer = await post(configMaps, configMap("Not_A_Name"));
    expect(answer).toMatchObject(
      refusal(
        422,
        "Invalid",
        `ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      ),
    );
    expect(answer.body["details"]).toMatchObject({
      name: "Not_A_Name",
      kind: "ConfigMap",
      causes: [{ reason: "FieldValueInvalid", field: "metadata.name" }],
    });
  });

  test("no name at all", async () => {
    expect(await post(configMaps, { ...configMap(""), metadata: {} })).toMatchObject(
      refusal(
        422,
        "Invalid",
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
      ),
    );
  });

  test("another namespace than the path's", async () => {
    expect(
      await post(configMaps, { ...configMap("a"), metadata: { name: "a", namespace: "other" } }),
    ).toMatchObject(
      refusal(
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
      ),
    );
  });

  test("another name than the path's", async () => {
    expect(await send("PUT", `${configMaps}/there`, { body: configMap("elsewhere") })).toMatchObject(
      refusal(
        400,
        "BadRequest",
        "the name of the object (elsewhere) does not match the name on the URL (there)",
      ),
    );
  });

  test("a namespace that is not there", async () => {
    expect(await post("/api/v1/namespaces/nowhere/configmaps", configMap("a"))).toMatchObject(
      refusal(404, "NotFound", 'namespaces "nowhere" not found'),
    );
  });

  test("several errors are all told", async () => {
    const refused = await post(
      pods,
      pod({ name: "a" }, { restartPolicy: "Sometimes", containers: [{ name: "C", image: "" }] }),
    );
    expect(refused).toMatchObject(refusal(422, "Invalid", /^Pod "a" is invalid: \[/));
    const { body } = refused;
    const { causes } = body["details"] as { causes: { field: string; reason: string }[] };
    expect(causes.map(({ field, reason }) => `${field} ${reason}`).sort()).toEqual(
      expect.arrayContaining([
        "spec.containers[0].image FieldValueRequired",
        "spec.containers[0].name FieldValueInvalid",
        "spec.restartPolicy FieldValueNotSupported",
      ]),
    );
  });

  test("a field that may not change", async () => {
    await post(pods, pod({ name: "fixed" }));
    expect(
      await send("PATCH", `${pods}/fixed`, {
        raw: '{"spec":{"hostNetwork":true}}',
        headers: { "content-type": "application/merge-patch+json" },
      }),
    ).toMatchObject(
      refusal(
        422,
        "Invalid",
        /^Pod "fixed" is invalid: spec: Forbidden: pod updates may not change fields other than/,
      ),
    );
  });
});

describe("size", () => {
  test("an object of 2 MB is more than the store takes", async () => {
    expect(
      await post(configMaps, {
        ...configMap("big"),
        metadata: { name: "big" },
        binaryData: { a: Buffer.alloc(1_500_000).toString("base64") },
      }),
    ).toMatchObject(refusal(422, "Invalid", /Too long: may not be more than 1048576 bytes/));
  });

  test("an object of 2 MB without a limit of its own is too large for a transaction", async () => {
    const value = "x".repeat(2_000_000);
    const answer = await post("/apis/apps/v1/namespaces/default/controllerrevisions", {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: { name: "big" },
      revision: 1,
      data: { value },
    });
    expect(answer.body).toMatchObject({
      code: 413,
      reason: "RequestEntityTooLarge",
      message: "Request entity too large: limit is 1572864",
    });
  });

  test("annotations over 256 KiB", async () => {
    expect(
      await post(configMaps, {
        ...configMap("big"),
        metadata: { name: "big", annotations: { a: "x".repeat(262_145) } },
      }),
    ).toMatchObject(
      refusal(
        422,
        "Invalid",
        'ConfigMap "big" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes',
      ),
    );
  });

  test("a body over 3 MB is not even read", async () => {
    expect(await post(configMaps, configMap("huge", { a: "x".repeat(3_200_000) }))).toMatchObject(
      refusal(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
    );
  });

  test("a patch over 3 MB neither", async () => {
    expect(
      await send("PATCH", `${configMaps}/there`, {
        raw: JSON.stringify({ data: { a: "x".repeat(3_200_000) } }),
        headers: { "content-type": "application/merge-patch+json" },
      }),
    ).toMatchObject(refusal(413, "RequestEntityTooLarge", /^Request entity too large: limit is 3145728/));
  });
});

describe("paths", () => {
  test("a resource that nobody serves", async () => {
    for (const path of [
      "/api/v1/namespaces/default/things",
      "/apis/apps/v1/things",
      "/apis/apps/v9/deployments",
      "/api/v1/nodes/x/nonsense",
    ]) {
      expect(await send("GET", path)).toMatchObject(
        refusal(404, "NotFound", "the server could not find the requested resource"),
      );
    }
  });

  test("a group or path that nobody serves", async () => {
    for (const path of ["/apis/example.com/v1/things", "/nonsense"]) {
      expect(await send("GET", path), path).toMatchObject({ status: 404, text: "404 page not found\n" });
    }
  });

  test("an object that is not there", async () => {
    expect(await send("GET", `${configMaps}/gone`)).toMatchObject(
      refusal(404, "NotFound", 'configmaps "gone" not found'),
    );
  });

  test("a verb that the path does not have", async () => {
    expect(await send("POST", `${configMaps}/there`, { body: configMap("there") })).toMatchObject(
      refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    );
    expect(await send("DELETE", "/api/v1/nodes/x/status")).toMatchObject(
      refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    );
  });

  test.each([
    "/api/v1/namespaces/default/configmaps/../../kube-system/secrets",
    "/api/v1/namespaces/default/configmaps/..%2f..%2fkube-system%2fsecrets",
    "/api/v1/namespaces/%2e%2e/pods",
    "/api/v1/namespaces/default/configmaps/%00",
    "/api/v1/namespaces/default/configmaps/there%2f",
    "//api//v1//namespaces//default//configmaps/",
    "/api/v1/namespaces/default/configmaps/%",
    "/apis/../api/v1/secrets",
    "/api/v1/namespaces/default/configmaps/there/../there",
    `/api/v1/namespaces/default/configmaps/${"a".repeat(10_000)}`,
  ])("a trick: %s", async (path) => {
    const { status, text } = await send("GET", path);
    expect([200, 301, 307, 308, 400, 404]).toContain(status);
    expect(text).not.toContain('"Secret');
    const isHarmless = status !== 200 || text.includes('"ConfigMap') || text.includes('"items":[]');
    expect(isHarmless).toBe(true);
  });
});

describe("who asks", () => {
  const anonymous = { credentials: {} };

  test("nobody known may read nothing but what is public", async () => {
    for (const path of [configMaps, "/api", "/metrics", "/openapi/v2"])
      expect(await send("GET", path, anonymous)).toMatchObject(refusal(401, "Unauthorized", "Unauthorized"));
    for (const path of ["/healthz", "/livez", "/readyz", "/version"])
      expect((await send("GET", path, anonymous)).status, path).toBe(200);
  });

  test("a token that nobody gave", async () => {
    for (const token of ["nonsense", "a.b.c"]) {
      const ask = { ...anonymous, headers: { authorization: `Bearer ${token}` } };
      expect(await send("GET", configMaps, ask)).toMatchObject(refusal(401, "Unauthorized", "Unauthorized"));
    }
  });

  test("a token that has run out, or was changed", async () => {
    const issued = await post("/api/v1/namespaces/default/serviceaccounts/default/token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 600 },
    });
    expect(issued.status).toBe(201);
    const { token } = issued.body["status"] as { token: string };
    const ask = (bearer: string): Promise<Answer> =>
      send("GET", "/api/v1", { ...anonymous, headers: { authorization: `Bearer ${bearer}` } });
    expect((await ask(token)).status).toBe(200);
    const [head = "", claims = ""] = token.split(".");
    const now = Math.floor(cluster.cluster.clock.now() / 1000);
    const old = {
      ...(JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as object),
      exp: now - 60,
      iat: now - 660,
      nbf: now - 660,
    };
    expect(await ask(signJwt(old, cluster.cluster.pki.serviceAccountKey))).toMatchObject(
      refusal(401, "Unauthorized", "Unauthorized"),
    );
    expect(await ask(`${head}.${claims}.${"A".repeat(86)}`)).toMatchObject(
      refusal(401, "Unauthorized", "Unauthorized"),
    );
  });

  test("a certificate of another authority", async () => {
    const { admin } = createPki({ clock: cluster.cluster.clock });
    const foreign = { credentials: { cert: admin.certificate, key: admin.key } };
    expect(await send("GET", configMaps, foreign)).toMatchObject(
      refusal(401, "Unauthorized", "Unauthorized"),
    );
  });

  test("to act as another without the right", async () => {
    const token = await post("/api/v1/namespaces/default/serviceaccounts/default/token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {},
    });
    const { token: bearer } = token.body["status"] as { token: string };
    expect(
      await send("GET", configMaps, {
        ...anonymous,
        headers: { authorization: `Bearer ${bearer}`, "impersonate-user": "root" },
      }),
    ).toMatchObject(
      refusal(
        403,
        "Forbidden",
        // Named by the right that came closest: to be this user at all, or for this request alone.
        /^(users "root"|configmaps) is forbidden: User "system:serviceaccount:default:default" cannot impersonate/,
      ),
    );
  });
});

describe("versions of objects", () => {
  const resourceVersionOf = async (path: string): Promise<string> =>
    ((await send("GET", path)).body["metadata"] as { resourceVersion: string }).resourceVersion;

  test("an update of an old one conflicts", async () => {
    const path = `${configMaps}/contended`;
    await post(configMaps, configMap("contended"));
    const resourceVersion = await resourceVersionOf(path);
    const body = { ...configMap("contended", { a: "1" }), metadata: { name: "contended", resourceVersion } };
    expect((await send("PUT", path, { body })).status).toBe(200);
    expect(await send("PUT", path, { body: { ...body, data: { a: "2" } } })).toMatchObject(
      refusal(
        409,
        "Conflict",
        'Operation cannot be fulfilled on configmaps "contended": the object has been modified; please apply your changes to the latest version and try again',
      ),
    );
  });

  test("what is there cannot be created", async () => {
    expect(await post(configMaps, configMap("there"))).toMatchObject(
      refusal(409, "AlreadyExists", 'configmaps "there" already exists'),
    );
  });

  test("a new object has no version yet", async () => {
    expect(
      await post(configMaps, { ...configMap("new"), metadata: { name: "new", resourceVersion: "5" } }),
    ).toMatchObject(refusal(500, undefined, "resourceVersion should not be set on objects to be created"));
  });

  test.each([
    ["abc", 'parsing "abc": invalid syntax'],
    ["-1", 'parsing "-1": invalid syntax'],
    ["99999999999999999999", 'parsing "99999999999999999999": value out of range'],
  ])(
    "a version that is no number (%s) is told as the number that it is not",
    async (resourceVersion, why) => {
      const body = { ...configMap("there"), metadata: { name: "there", resourceVersion } };
      expect(await send("PUT", `${configMaps}/there`, { body })).toMatchObject(
        refusal(500, undefined, `strconv.ParseUint: ${why}`),
      );
    },
  );

  test("a new object with a version that is no number is made without it", async () => {
    const body = { ...configMap("unversioned"), metadata: { name: "unversioned", resourceVersion: "abc" } };
    expect(await post(configMaps, body)).toMatchObject({ status: 201 });
  });

  test.each([
    ["[]", "array"],
    ['"x"', "string"],
    ["1", "number"],
  ])("a strategic merge patch that is %s", async (raw, kind) => {
    const headers = { "content-type": "application/strategic-merge-patch+json" };
    const message = `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
    expect(
      await send("PATCH", `${configMaps}/there`, {
        raw,
        headers: { ...headers, "content-length": String(raw.length) },
      }),
    ).toMatchObject(refusal(400, "BadRequest", message));
  });

  test("a deletion of another object than was meant conflicts", async () => {
    expect(
      await send("DELETE", `${configMaps}/there`, {
        body: { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid: "other" } },
      }),
    ).toMatchObject(
      refusal(
        409,
        "Conflict",
        /^Operation cannot be fulfilled on ConfigMap "there": the UID in the precondition \(other\) does not match the UID in record \([-0-9a-f]+\)\. The object might have been deleted and then recreated$/,
      ),
    );
  });

  test("a version of the future, and none", async () => {
    expect(
      await send("GET", `${configMaps}?resourceVersion=99999999999&resourceVersionMatch=NotOlderThan`),
    ).toMatchObject(
      refusal(504, "Timeout", /^(Too large resource version|Timeout: Too large resource version)/),
    );
    expect(await send("GET", `${configMaps}?resourceVersion=new`)).toMatchObject(
      refusal(400, undefined, /[Ii]nvalid (resource version|value)/),
    );
    expect(await send("GET", `${configMaps}?resourceVersionMatch=Exact`)).toMatchObject(
      refusal(422, "Invalid", /resourceVersionMatch/),
    );
  });

  test("a watch or a list from before the history is Expired", async () => {
    const watch = await send("GET", `${configMaps}?watch=1&resourceVersion=1&timeoutSeconds=1`);
    expect(watch.body).toMatchObject({
      type: "ERROR",
      object: {
        kind: "Status",
        code: 410,
        reason: "Expired",
        message: expect.stringMatching(/^too old resource version: 1 \(\d+\)$/),
      },
    });
    expect(await send("GET", `${configMaps}?resourceVersion=1&resourceVersionMatch=Exact`)).toMatchObject(
      refusal(410, "Expired", "The resourceVersion for the provided list is too old."),
    );
  });

  test("a continue token that was made up", async () => {
    expect(await send("GET", `${configMaps}?limit=1&continue=abc`)).toMatchObject(
      refusal(400, "BadRequest", /^invalid continue token: continue key is not valid: /),
    );
  });
});

describe("selectors and options", () => {
  test.each([
    ["labelSelector=a%20b", /unable to parse requirement|found 'b'/],
    [
      "fieldSelector=foo%3Dbar",
      /^"foo" is not a known field selector: only "metadata.name", "metadata.namespace"$/,
    ],
    ["limit=many", /strconv.ParseInt: parsing "many": invalid syntax|invalid/],
  ])("?%s is refused", async (query, message) => {
    expect(await send("GET", `${configMaps}?${query}`)).toMatchObject(refusal(400, "BadRequest", message));
  });

  test("an unknown dry run", async () => {
    expect(await post(`${configMaps}?dryRun=Some`, configMap("a"))).toMatchObject(
      refusal(422, "Invalid", /dryRun: Unsupported value: .*"Some".*: supported values: "All"/),
    );
  });

  test("an unknown way to delete", async () => {
    expect(await send("DELETE", `${configMaps}/there?propagationPolicy=Sideways`)).toMatchObject(
      refusal(422, "Invalid", /propagationPolicy: Unsupported value: "Sideways"/),
    );
  });
});

test("after all that the server still answers", async () => {
  expect((await send("GET", "/readyz")).text).toBe("ok");
});
