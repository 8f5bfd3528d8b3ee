import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type ServiceDefinition, status } from "@grpc/grpc-js";
import protobuf from "protobufjs/minimal.js";
import { afterEach, describe, expect, it, vi } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { KmsClient, type KmsService } from "./kms-client.ts";
import { decodeEncryptedObject, type KmsEncrypted, type KmsStatus } from "./kms-messages.ts";
import { KmsTransformer } from "./kms-transformer.ts";

const key = "/registry/core/secrets/default/s";
const plain = Buffer.from("hunter2");

/** A service that encrypts by turning bytes over, with the number of its key. */
class FakeService implements KmsService {
  current: KmsStatus = { version: "v2", healthz: "ok", keyId: "key-1" };
  failure: Error | undefined;
  annotations: [string, Uint8Array][] = [["version.example.com", Buffer.from("1")]];
  readonly calls: string[] = [];
  isClosed = false;

  async status(): Promise<KmsStatus> {
    this.#called("status");
    return this.current;
  }

  async encrypt(_uid: string, plaintext: Uint8Array): Promise<KmsEncrypted> {
    this.#called("encrypt");
    const ciphertext = plaintext.map((byte) => byte ^ 0xff);
    return { ciphertext, keyId: this.current.keyId, annotations: new Map(this.annotations) };
  }

  async decrypt(_uid: string, { ciphertext, annotations }: KmsEncrypted): Promise<Uint8Array> {
    this.#called("decrypt");
    if (annotations.size !== this.annotations.length) throw new Error("annotations are missing");
    return ciphertext.map((byte) => byte ^ 0xff);
  }

  close(): void {
    this.isClosed = true;
  }

  #called(name: string): void {
    this.calls.push(name);
    if (this.failure !== undefined) throw this.failure;
  }
}

const open: KmsTransformer[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function start(service = new FakeService(), onHealthy?: () => void) {
  const clock = new VirtualClock();
  const transformer = new KmsTransformer({
    name: "vault",
    service,
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    ...(onHealthy === undefined ? {} : { onHealthy }),
  });
  open.push(transformer);
  await transformer.start();
  return { clock, service, transformer };
}

describe("KmsTransformer", () => {
  it("asks the service once for a seed, and stores it encrypted with each value", async () => {
    const { service, transformer } = await start();
    const sealed = await Promise.all([1, 2, 3].map(() => transformer.seal(plain, key)));
    for (const each of sealed) expect(Buffer.from((await transformer.open(each, key)).value)).toEqual(plain);
    expect(service.calls).toEqual(["status", "encrypt"]);
    const [first, second] = sealed.map(decodeEncryptedObject);
    expect(first).toMatchObject({ keyId: "key-1", sourceType: "seed" });
    expect(first?.source).toEqual(second?.source);
    expect([...(first?.annotations.keys() ?? [])]).toEqual(["version.example.com"]);
    // A key of its own for each value: the 32 bytes that it comes from are random.
    expect(Buffer.from(first?.data ?? []).subarray(0, 32)).not.toEqual(
      Buffer.from(second?.data ?? []).subarray(0, 32),
    );
    expect(transformer.check()).toBeUndefined();
  });

  it("asks the service once to decrypt the seed of an earlier start", async () => {
    const before = await start();
    const sealed = await before.transformer.seal(plain, key);
    const { service, transformer } = await start();
    await Promise.all([transformer.open(sealed, key), transformer.open(sealed, key)]);
    expect((await transformer.open(sealed, key)).isStale).toBe(false);
    expect(service.calls.filter((call) => call === "decrypt")).toHaveLength(1);
  });

  it("takes a new seed when the service has a new key, and calls what is older stale", async () => {
    const { clock, service, transformer } = await start();
    const sealed = await transformer.seal(plain, key);
    service.current = { ...service.current, keyId: "key-2" };
    await clock.advance(60_000);
    expect(await transformer.open(sealed, key)).toMatchObject({ isStale: true });
    const young = await transformer.seal(plain, key);
    expect(decodeEncryptedObject(young).keyId).toBe("key-2");
    expect(await transformer.open(young, key)).toMatchObject({ isStale: false });
  });

  it("goes on for three minutes when the service is away; then it reads and does not write", async () => {
    const { clock, service, transformer } = await start();
    const sealed = await transformer.seal(plain, key);
    service.failure = new Error("14 UNAVAILABLE");
    await clock.advance(60_000);
    expect(transformer.check()).toBe(
      "failed to perform status section of the healthz check for KMS Provider vault, error: 14 UNAVAILABLE",
    );
    await clock.advance(100_000);
    expect(await transformer.seal(plain, key)).toBeDefined();
    await clock.advance(40_000);
    await expect(transformer.seal(plain, key)).rejects.toThrow(
      /^encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at .*Z \(current time is .*Z\)$/,
    );
    expect(Buffer.from((await transformer.open(sealed, key)).value)).toEqual(plain);
    service.failure = undefined;
    await clock.advance(10_000);
    expect(transformer.check()).toBeUndefined();
    expect(await transformer.seal(plain, key)).toBeDefined();
  });

  it("tells when the service is well again", async () => {
    const service = new FakeService();
    service.failure = new Error("away");
    const onHealthy = vi.fn();
    const { clock, transformer } = await start(service, onHealthy);
    await expect(transformer.seal(plain, key)).rejects.toThrow(/kmsv2 Provider vault is not healthy/);
    expect(onHealthy).not.toHaveBeenCalled();
    service.failure = undefined;
    await clock.advance(10_000);
    expect(onHealthy).toHaveBeenCalledTimes(1);
  });

  it("asks again for a seed whose decryption failed", async () => {
    const sealed = await (await start()).transformer.seal(plain, key);
    const { service, transformer } = await start();
    service.failure = new Error("away");
    await expect(transformer.open(sealed, key)).rejects.toThrow("failed to decrypt DEK, error: away");
    service.failure = undefined;
    expect(Buffer.from((await transformer.open(sealed, key)).value)).toEqual(plain);
  });

  it.each<[Partial<KmsStatus>, RegExp]>([
    [
      { healthz: "sick" },
      /^kmsv2 Provider vault is not healthy, error: got unexpected healthz status: sick$/,
    ],
    [{ version: "v1beta1" }, /expected KMSv2 API version v2, got v1beta1/],
    [{ keyId: "" }, /got invalid KMSv2 KeyID hash "": keyID is empty/],
    [{ keyId: "k".repeat(1025) }, /keyID is 1025 bytes, which exceeds the max size of 1024/],
  ])("is not well with a status of %j", async (part, message) => {
    const service = new FakeService();
    service.current = { ...service.current, ...part };
    const { transformer } = await start(service);
    expect(transformer.check()).toMatch(message);
  });

  it("refuses annotations that are no domain names, or too many", async () => {
    const service = new FakeService();
    service.annotations = [["plain", Buffer.from("1")]];
    expect((await start(service)).transformer.check()).toMatch(
      /should be a domain with at least two segments/,
    );
    service.annotations = [["a.example.com", Buffer.alloc(33_000)]];
    expect((await start(service)).transformer.check()).toMatch(/total size of annotations is 33013/);
  });

  it("closes the service and asks no more", async () => {
    const { clock, service, transformer } = await start();
    transformer.close();
    await clock.advance(120_000);
    expect(service.calls.filter((call) => call === "status")).toHaveLength(1);
    expect(service.isClosed).toBe(true);
  });
});

describe("KmsClient", () => {
  let folder = "";
  let server: Server | undefined;
  let client: KmsClient | undefined;
  afterEach(() => {
    client?.close();
    server?.forceShutdown();
    rmSync(folder, { recursive: true, force: true });
  });

  const bytes = {
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
    requestStream: false,
    responseStream: false,
  };
  const service: ServiceDefinition = Object.fromEntries(
    ["Status", "Encrypt", "Decrypt"].map((method) => [
      method,
      { ...bytes, path: `/v2.KeyManagementService/${method}` },
    ]),
  );
  type Answer = (error: { code: number; message: string } | null, value?: Buffer) => void;

  async function serve(handlers: Record<string, (call: { request: Buffer }, answer: Answer) => void>) {
    folder = mkdtempSync(join(tmpdir(), "sampan-kms-"));
    const endpoint = `unix://${join(folder, "kms.sock")}`;
    const made = new Server();
    server = made;
    made.addService(service, handlers);
    await new Promise<void>((resolve, reject) => {
      made.bindAsync(endpoint, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    client = new KmsClient({ endpoint, timeoutMs: 2_000, nowMs: () => Date.now() });
    return client;
  }

  it("speaks with a service behind a Unix socket", async () => {
    const requests: Buffer[] = [];
    const kms = await serve({
      Status: (_call, answer) => {
        const writer = protobuf.Writer.create();
        writer.uint32(10).string("v2").uint32(18).string("ok").uint32(26).string("key-1");
        answer(null, Buffer.from(writer.finish()));
      },
      Encrypt: ({ request }, answer) => {
        requests.push(request);
        const writer = protobuf.Writer.create();
        writer.uint32(10).bytes(Buffer.from("sealed")).uint32(18).string("key-1");
        writer.uint32(26).fork().uint32(10).string("a.b").uint32(18).bytes(Buffer.from("c")).ldelim();
        answer(null, Buffer.from(writer.finish()));
      },
      Decrypt: ({ request }, answer) => {
        requests.push(request);
        const writer = protobuf.Writer.create();
        answer(null, Buffer.from(writer.uint32(10).bytes(Buffer.from("seed")).finish()));
      },
    });
    expect(await kms.status()).toEqual({ version: "v2", healthz: "ok", keyId: "key-1" });
    const encrypted = await kms.encrypt("u1", Buffer.from("seed"));
    expect(Buffer.from(encrypted.ciphertext).toString()).toBe("sealed");
    expect(encrypted.keyId).toBe("key-1");
    expect(Buffer.from(await kms.decrypt("u2", encrypted)).toString()).toBe("seed");
    expect(requests[0]?.toString("latin1")).toBe("\n\x04seed\x12\x02u1");
    expect(requests[1]?.toString("latin1")).toBe(
      '\n\x06sealed\x12\x02u2\x1a\x05key-1"\x08\n\x03a.b\x12\x01c',
    );
  });

  it("passes on what the service says is wrong", async () => {
    const kms = await serve({
      Status: (_call, answer) => answer({ code: status.UNAVAILABLE, message: "the vault is sealed" }),
      Encrypt: (_call, answer) => answer(null, Buffer.alloc(0)),
      Decrypt: (_call, answer) => answer(null, Buffer.alloc(0)),
    });
    await expect(kms.status()).rejects.toThrow("the vault is sealed");
  });

  it("does not wait for a service that is not there", async () => {
    const kms = new KmsClient({
      endpoint: "unix:///nowhere/kms.sock",
      timeoutMs: 500,
      nowMs: () => Date.now(),
    });
    await expect(kms.status()).rejects.toThrow(/UNAVAILABLE|DEADLINE_EXCEEDED/);
    kms.close();
  });
});
