import { request as httpsRequest } from "node:https";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeProtobufBody, encodeProtobufAnswer, protobufReady } from "../endpoints/protobuf.ts";
import { TestApi } from "../testing/api.ts";
import { type HttpsFixture, serveForTest } from "../testing/https.ts";

const pods = "/api/v1/namespaces/default/pods";
let https: HttpsFixture;
let api: TestApi;

beforeAll(async () => {
  ({ https, api } = await serveForTest());
  for (let n = 0; n < 120; n++) {
    const annotations = { text: "ü".repeat(1000) };
    const spec = { containers: [{ name: "main", image: "example.com/ü:1" }] };
    await api.post(pods, { metadata: { name: `p${n}`, annotations }, spec });
  }
});

afterAll(() => https.close());

const forms = {
  json: "application/json",
  protobuf: "application/vnd.kubernetes.protobuf",
  table: "application/json;as=Table;v=v1;g=meta.k8s.io",
  partial: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  partialProtobuf: "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
} as const;

type Item = Record<string, unknown>;
interface List {
  readonly items: Item[];
  readonly rows: Item[];
}

describe("a long list", () => {
  test.each([{}, { "accept-encoding": "gzip" }])("in JSON is the cache's, %j", async (headers) => {
    const response = await https.request(pods, { headers });
    expect(response.headers["content-encoding"]).toBe("accept-encoding" in headers ? "gzip" : undefined);
    const { items } = response.json<List>();
    const expected = await api.list(pods);
    expect(items.map((item) => ({ kind: "Pod", apiVersion: "v1", ...item }))).toEqual(expected.items);
  });

  test("tells its length before it comes", async () => {
    const { headers, bytes } = await https.request(pods);
    expect(headers["content-length"]).toBe(String(bytes.length));
  });

  test.each(["None", "Metadata", "Object"])(
    "as a table has the rows of a short one, with %s",
    async (include) => {
      const query = `?includeObject=${include}`;
      const accept = { accept: forms.table };
      const long = (await https.request(pods + query, { headers: accept })).json<List>();
      const short = (await https.request(`${pods}${query}&limit=5`, { headers: accept })).json<List>();
      expect(long.rows).toHaveLength(120);
      expect(long.rows.slice(0, 5).map(({ object }) => object)).toEqual(
        short.rows.map(({ object }) => object),
      );
      expect({ ...long, rows: [], metadata: {} }).toEqual({ ...short, rows: [], metadata: {} });
      expect(long.rows[0]?.["cells"]).toHaveLength(9);
    },
  );

  test("of metadata alone has each object's metadata", async () => {
    const list = (await https.request(pods, { headers: { accept: forms.partial } })).json<List>();
    const expected = await api.list(pods);
    expect(list.items).toEqual(
      expected.items.map(({ metadata }) => ({
        kind: "PartialObjectMetadata",
        apiVersion: "meta.k8s.io/v1",
        metadata,
      })),
    );
  });

  test.each([forms.protobuf, forms.partialProtobuf])(
    "in %s is what one encoding of the whole gives",
    async (accept) => {
      await protobufReady();
      const first = await https.request(pods, { headers: { accept } });
      const again = await https.request(pods, { headers: { accept } });
      expect(again.bytes.equals(first.bytes)).toBe(true);
      const value = decodeProtobufBody(first.bytes) as { apiVersion: string; kind: string; items: Item[] };
      expect(value.items).toHaveLength(120);
      expect(Buffer.from(encodeProtobufAnswer(value)).equals(first.bytes)).toBe(true);
    },
  );

  test("over HTTP/1.1 goes over the same connection again and again, compressed or not", async () => {
    const expected = (await https.request(pods)).text;
    for (const encoding of ["identity", "gzip", "identity"]) {
      const bytes = await get1(encoding);
      expect((encoding === "gzip" ? gunzipSync(bytes) : bytes).toString()).toBe(expected);
    }
  });

  test("that a client does not finish does not stay", async () => {
    const response = await https.request(pods, { untilBytes: 1 });
    expect(response.status).toBe(200);
    expect((await https.request(pods)).json<List>().items).toHaveLength(120);
  });
});

function get1(encoding: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: "Bearer admin", "accept-encoding": encoding };
    const { port } = https;
    const options = { port, path: pods, headers, ca: https.authority.certificate };
    httpsRequest({ host: "localhost", ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks)));
    })
      .on("error", reject)
      .end();
  });
}
