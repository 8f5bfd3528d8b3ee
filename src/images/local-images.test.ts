import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RealClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { SystemRandom } from "../apimachinery/random.ts";
import { LocalImages } from "./local-images.ts";
import { dockerArchive, ociBlobs, sha256, type TestImage, testImage } from "./testing/archives.ts";

let folder: string;
let images: LocalImages;

function open(registryConfig?: string): LocalImages {
  return new LocalImages({
    directory: join(folder, "store"),
    clock: new RealClock(),
    random: new SystemRandom(),
    logger: silentLogger,
    ...(registryConfig !== undefined && { registryConfig }),
  });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-images-"));
  images = open();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const sample = (): Promise<TestImage> =>
  testImage([[{ name: "hello", content: "world" }], [{ name: "etc/os", content: "test" }]], {
    Entrypoint: ["/hello"],
    Cmd: ["-v"],
    User: "web",
  });

describe("importImage()", () => {
  test.each([
    ["plain", (data: Buffer) => data],
    ["gzip", (data: Buffer) => gzipSync(data)],
    ["zstd", (data: Buffer) => zstdCompressSync(data)],
  ])("takes a docker-save archive (%s) and pins it under its name", async (_, compress) => {
    const image = await sample();
    const path = file("image.tar", compress(await dockerArchive(image, ["nginx:latest"])));
    const [imported] = await images.importImage(path);
    expect(imported).toMatchObject({
      id: image.id,
      repoTags: ["docker.io/library/nginx:latest"],
      pinned: true,
      user: "web",
      entrypoint: ["/hello"],
      command: ["-v"],
      sizeBytes: 9,
    });
    expect(await images.imageStatus("nginx")).toEqual(imported);
    expect(await images.imageStatus(image.id)).toEqual(imported);
    expect(readdirSync(join(folder, "store", "tmp"))).toEqual([]);
  });

  test("takes an OCI layout from a folder", async () => {
    const image = await sample();
    const { manifest, blobs } = ociBlobs(image);
    const layout = join(folder, "layout");
    mkdirSync(join(layout, "blobs", "sha256"), { recursive: true });
    for (const [digest, data] of blobs) writeFileSync(join(layout, "blobs", "sha256", digest.slice(7)), data);
    writeFileSync(
      join(layout, "index.json"),
      JSON.stringify({
        schemaVersion: 2,
        manifests: [
          { digest: manifest, annotations: { "org.opencontainers.image.ref.name": "example.com/app:v1" } },
        ],
      }),
    );
    const [imported] = await images.importImage(layout);
    expect(imported?.repoTags).toEqual(["example.com/app:v1"]);
  });

  test("a name given by hand replaces the archive's", async () => {
    const path = file("image.tar", await dockerArchive(await sample(), ["other:1"]));
    const [imported] = await images.importImage(path, "mine:2");
    expect(imported?.repoTags).toEqual(["docker.io/library/mine:2"]);
  });

  test("layers keep their order: the topmost first", async () => {
    const image = await sample();
    await images.importImage(file("image.tar", await dockerArchive(image, ["a"])));
    const stored = images.store.find("a");
    if (stored === undefined) throw new Error("not stored");
    const [top, bottom] = images.store.layerNames(stored);
    expect(readFileSync(join(images.store.layersDirectory, bottom ?? "", "hello"), "utf8")).toBe("world");
    expect(readFileSync(join(images.store.layersDirectory, top ?? "", "etc/os"), "utf8")).toBe("test");
  });

  const refused: [string, (image: TestImage) => Promise<Buffer | string>, RegExp][] = [
    ["text", async () => "not an image", /is not an image archive: not a tar archive/],
    ["an empty file", async () => "", /is not an image archive/],
    [
      "a tar of something else",
      async (image) => image.layers[0] ?? "",
      /neither manifest.json .* nor index.json/,
    ],
    [
      "a broken gzip",
      async (image) => gzipSync(await dockerArchive(image, ["a"])).subarray(0, 200),
      /is not an image archive/,
    ],
    [
      "an archive without a name",
      async (image) => dockerArchive(image, null),
      /does not say the image's name/,
    ],
    [
      "an altered layer",
      async (image) => dockerArchive({ ...image, layers: [...image.layers].reverse() }, ["a"]),
      /a layer's content is sha256:.*, but the image says sha256:/,
    ],
    [
      "an image for another processor",
      async () => dockerArchive(await testImage([], {}, "vax"), ["a"]),
      /the image is for vax, and this machine is/,
    ],
  ];
  test.each(refused)("refuses %s and leaves nothing behind", async (_, make, message) => {
    const path = file("image.tar", await make(await sample()));
    await expect(images.importImage(path)).rejects.toThrow(message);
    expect(await images.listImages()).toEqual([]);
    expect(readdirSync(join(folder, "store", "tmp"))).toEqual([]);
  });

  test("says when there is no such file", async () => {
    await expect(images.importImage(join(folder, "none.tar"))).rejects.toMatchObject({ code: "notFound" });
  });
});

describe("removeImage()", () => {
  test("removes one name, and the image with its last", async () => {
    const image = await sample();
    await images.importImage(file("image.tar", await dockerArchive(image, ["a:1", "a:2"])));
    await images.removeImage("a:1");
    expect((await images.imageStatus(image.id))?.repoTags).toEqual(["docker.io/library/a:2"]);
    await images.removeImage("a:2");
    expect(await images.imageStatus(image.id)).toBeUndefined();
    expect(await images.imageFsInfo()).toMatchObject({ usedBytes: 0 });
  });

  test("keeps layers that another image has", async () => {
    const files = [{ name: "shared", content: "12345" }];
    const one = await testImage([files]);
    const two = await testImage([files, [{ name: "own", content: "1" }]]);
    await images.importImage(file("one.tar", await dockerArchive(one, ["one"])));
    await images.importImage(file("two.tar", await dockerArchive(two, ["two"])));
    await images.removeImage("two");
    expect(await images.imageFsInfo()).toMatchObject({ usedBytes: 5 });
  });

  test("refuses while a container uses it, and is content when it is gone", async () => {
    const image = await sample();
    await images.importImage(file("image.tar", await dockerArchive(image, ["a"])));
    images.store.use("container", image.id);
    await expect(images.removeImage("a")).rejects.toMatchObject({ code: "failedPrecondition" });
    images.store.release("container");
    await images.removeImage("a");
    await images.removeImage("a");
  });

  test("refuses while one of the images that a container has mounted is it", async () => {
    const own = await testImage([[{ name: "a", content: "1" }]]);
    const volume = await testImage([[{ name: "b", content: "22" }]]);
    await images.importImage(file("own.tar", await dockerArchive(own, ["own"])));
    await images.importImage(file("volume.tar", await dockerArchive(volume, ["volume"])));
    images.store.use("container", own.id, volume.id);
    await expect(images.removeImage("volume")).rejects.toMatchObject({ code: "failedPrecondition" });
    images.store.removeImage(volume.id);
    expect(images.store.collectLayers()).toBe(0);
    images.store.release("container");
    expect(images.store.collectLayers()).toBe(2);
  });

  test("collectGarbage() spares pinned images and those in use", async () => {
    const pinned = await testImage([[{ name: "a", content: "1" }]]);
    const used = await testImage([[{ name: "b", content: "22" }]]);
    const idle = await testImage([[{ name: "c", content: "333" }]]);
    for (const [image, name] of [
      [pinned, "pinned"],
      [used, "used"],
      [idle, "idle"],
    ] as const) {
      await images.importImage(file(`${name}.tar`, await dockerArchive(image, [name])));
      if (image !== pinned) {
        images.store.removeName(`docker.io/library/${name}:latest`);
        images.store.putName(name, image.id, false);
      }
    }
    images.store.use("container", used.id);
    expect(await images.collectGarbage()).toBe(3);
    expect((await images.listImages()).map(({ id }) => id).toSorted()).toEqual(
      [pinned.id, used.id].toSorted(),
    );
  });
});

/** A registry of one repository on loopback, with what it was asked. */
class TestRegistry {
  readonly requests: string[] = [];
  readonly manifests = new Map<string, string>();
  readonly blobs = new Map<string, Buffer>();
  /** Username and password; with `realm`, tokens are asked for instead. */
  login: { readonly basic: string; readonly token: boolean } | undefined;
  /** Bytes after which the first transfer of a blob breaks off. */
  breakAfter: number | undefined;
  readonly server: Server = createServer((request, response) => {
    const { url = "", headers } = request;
    this.requests.push(`${request.method} ${url}${headers.range === undefined ? "" : ` ${headers.range}`}`);
    const path = new URL(url, "http://x").pathname;
    if (path === "/token") {
      const ok = headers.authorization === this.login?.basic;
      return void response.writeHead(ok ? 200 : 401).end(ok ? JSON.stringify({ token: "T" }) : "{}");
    }
    if (this.login !== undefined) {
      const wanted = this.login.token ? "Bearer T" : this.login.basic;
      if (headers.authorization !== wanted) {
        const challenge = this.login.token
          ? `Bearer realm="http://${this.host}/token",service="test"`
          : "Basic realm=x";
        return void response.writeHead(401, { "WWW-Authenticate": challenge }).end();
      }
    }
    const reference = decodeURIComponent(path.split("/").at(-1) ?? "");
    if (path.includes("/manifests/")) {
      const text = this.manifests.get(reference);
      if (text === undefined) {
        return void response
          .writeHead(404)
          .end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      }
      const type = (JSON.parse(text) as { mediaType: string }).mediaType;
      return void response.writeHead(200, { "Content-Type": type }).end(text);
    }
    const blob = this.blobs.get(reference);
    if (blob === undefined) return void response.writeHead(404).end();
    const from = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
    const rest = blob.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { "Content-Length": rest.length });
    const { breakAfter } = this;
    if (breakAfter === undefined || rest.length <= breakAfter) return void response.end(rest);
    this.breakAfter = undefined;
    // A clean end of the connection, in the middle of the blob.
    response.write(rest.subarray(0, breakAfter), () => response.socket?.end());
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Serves the image under a tag. */
  push(image: TestImage, tag: string): string {
    const { manifest, blobs } = ociBlobs(image);
    for (const [digest, data] of blobs) this.blobs.set(digest, data);
    const text = blobs.get(manifest)?.toString() ?? "";
    this.manifests.set(tag, text).set(manifest, text);
    return manifest;
  }
}

describe("pullImage()", () => {
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = new TestRegistry();
    await registry.start();
  });
  afterEach(() => void registry.server.close());

  const anonymous = { credentials: [] };

  test("fetches by tag from a loopback registry, and names it by tag and digest", async () => {
    const image = await sample();
    const digest = registry.push(image, "v1");
    const progress: number[] = [];
    const id = await images.pullImage(`${registry.host}/app:v1`, {
      ...anonymous,
      onProgress: ({ doneBytes, totalBytes }) => progress.push(doneBytes / totalBytes),
    });
    expect(id).toBe(image.id);
    expect(await images.imageStatus(`${registry.host}/app:v1`)).toMatchObject({
      repoTags: [`${registry.host}/app:v1`],
      repoDigests: [`${registry.host}/app@${digest}`],
      pinned: false,
    });
    expect(await images.imageStatus(`${registry.host}/app:v9@${digest}`)).toMatchObject({ id });
    expect(progress.at(-1)).toBe(1);
  });

  test("chooses this machine's platform from an index", async () => {
    const mine = await sample();
    const other = await testImage([], {}, "vax");
    const [mineDigest, otherDigest] = [registry.push(mine, "mine"), registry.push(other, "other")];
    const architecture = (JSON.parse(mine.config) as { architecture: string }).architecture;
    registry.manifests.set(
      "multi",
      JSON.stringify({
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [
          { digest: otherDigest, platform: { os: "linux", architecture: "vax" } },
          { digest: mineDigest, platform: { os: "linux", architecture } },
        ],
      }),
    );
    expect(await images.pullImage(`${registry.host}/app:multi`, anonymous)).toBe(mine.id);
  });

  test("goes on where a broken connection left off", async () => {
    const noise = Array.from({ length: 4000 }, (_, index) => sha256(String(index))).join("");
    const image = await testImage([[{ name: "big", content: noise }]]);
    registry.push(image, "v1");
    registry.breakAfter = 5000;
    await images.pullImage(`${registry.host}/app:v1`, anonymous);
    expect(registry.requests.filter((line) => line.includes("bytes="))).toHaveLength(1);
  });

  test.each([
    ["tokens", true],
    ["basic authentication", false],
  ])("logs in with %s, trying each credential", async (_, token) => {
    registry.push(await sample(), "v1");
    registry.login = { basic: `Basic ${Buffer.from("me:secret").toString("base64")}`, token };
    const credentials = [
      { username: "me", password: "wrong" },
      { username: "me", password: "secret" },
    ];
    await images.pullImage(`${registry.host}/app:v1`, { credentials });
    await expect(images.pullImage(`${registry.host}/other:v1`, anonymous)).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining(
        "pull access denied, repository does not exist or may require authorization",
      ),
    });
  });

  test("asks a mirror of the configuration file instead, with its rewritten name", async () => {
    const image = await sample();
    registry.push(image, "latest");
    const config = file(
      "registries.yaml",
      `mirrors:\n  docker.io:\n    endpoint: ["http://${registry.host}"]\n    rewrite: {"^library/(.*)$": "hub/$1"}\n`,
    );
    expect(await open(config).pullImage("nginx", anonymous)).toBe(image.id);
    expect(registry.requests[0]).toBe("GET /v2/hub/nginx/manifests/latest");
    expect((await images.imageStatus("nginx"))?.repoTags).toEqual(["docker.io/library/nginx:latest"]);
  });

  test("refuses plain HTTP to other machines", async () => {
    const config = file("registries.yaml", 'mirrors: {docker.io: {endpoint: ["http://192.0.2.9:5000"]}}');
    await expect(open(config).pullImage("nginx", anonymous)).rejects.toThrow(
      "plain HTTP, which is for loopback",
    );
  });

  test("says what was not found", async () => {
    await expect(images.pullImage(`${registry.host}/app:none`, anonymous)).rejects.toMatchObject({
      code: "notFound",
      message: `failed to pull and unpack image "${registry.host}/app:none": failed to resolve reference "${registry.host}/app:none": ${registry.host}/app:none: not found: manifest unknown`,
    });
  });

  test("refuses content that does not match its digest", async () => {
    const image = await sample();
    registry.push(image, "v1");
    for (const [digest, data] of registry.blobs) {
      if (data[0] === 0x1f) registry.blobs.set(digest, gzipSync("altered"));
    }
    await expect(images.pullImage(`${registry.host}/app:v1`, anonymous)).rejects.toThrow(
      /the registry sent sha256:/,
    );
    expect(await images.listImages()).toEqual([]);
  });

  test("says that nobody answers", async () => {
    const { host } = registry;
    await new Promise((resolve) => registry.server.close(resolve));
    await expect(images.pullImage(`${host}/app:v1`, anonymous)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

describe("sampan.dev/node:host", () => {
  test("is there when it is asked for, with the Node that runs this", async () => {
    const image = await images.imageStatus("sampan.dev/node:host");
    expect(image).toMatchObject({ repoTags: ["sampan.dev/node:host"], pinned: true, entrypoint: ["node"] });
    const [layer] = images.store.layerNames(
      images.store.find("sampan.dev/node:host") ?? Object.assign(fail()),
    );
    const root = join(images.store.layersDirectory, layer ?? "");
    expect(statSync(join(root, "usr/local/bin/node")).size).toBe(statSync(process.execPath).size);
    expect(readFileSync(join(root, "etc/passwd"), "utf8")).toContain("nobody:x:65534");
    expect(await images.pullImage("sampan.dev/node:host", { credentials: [] })).toBe(image?.id);
    expect(await open().imageStatus("sampan.dev/node:host")).toEqual(image);
  });
});

function fail(): never {
  throw new Error("the image is not stored");
}
