import { describe, expect, it } from "vitest";
import { MemoryStorage } from "../memory/memory-storage.ts";
import { storageContract } from "../testing/storage-contract.ts";
import { AesGcm } from "./aes-gcm.ts";
import { EncryptedStorage } from "./encrypted-storage.ts";
import { identity, PrefixTransformers, type ValueTransformer } from "./value-transformer.ts";

const keyed = (name: string, fill: number) => ({
  prefix: `k8s:enc:aesgcm:v1:${name}:`,
  transformer: new AesGcm(Buffer.alloc(32, fill)),
});
const plainly = { prefix: "", transformer: identity };
const old = keyed("old", 1);
const young = keyed("new", 2);
const chain = (...list: ConstructorParameters<typeof PrefixTransformers>[0]): ValueTransformer =>
  new PrefixTransformers(list, "no matching prefix found");

storageContract("encrypted", () =>
  Promise.resolve(new EncryptedStorage(new MemoryStorage(), () => chain(old, plainly))),
);

const put = (key: string, text: string) => ({ type: "put", key, value: Buffer.from(text) }) as const;
const textOf = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString("latin1");

describe("EncryptedStorage", () => {
  it("leaves no plain value in the store below", async () => {
    const inner = new MemoryStorage();
    const storage = new EncryptedStorage(inner, () => chain(old));
    await storage.txn([], [put("/a", "hunter2")]);
    expect(textOf((await storage.get("/a"))?.value)).toBe("hunter2");
    const stored = textOf((await inner.get("/a"))?.value);
    expect(stored).toMatch(/^k8s:enc:aesgcm:v1:old:/);
    expect(stored).not.toContain("hunter2");
  });

  it("treats each key as it is told", async () => {
    const inner = new MemoryStorage();
    const storage = new EncryptedStorage(inner, (key) => (key.startsWith("/secret") ? chain(old) : identity));
    await storage.txn([], [put("/secret", "s"), put("/plain", "p")]);
    expect(textOf((await inner.get("/plain"))?.value)).toBe("p");
    expect(textOf((await inner.get("/secret"))?.value)).toMatch(/^k8s:enc/);
  });

  it("knows what would be stored with another key now", async () => {
    const storage = new EncryptedStorage(new MemoryStorage(), () => chain(old));
    await storage.txn([], [put("/a", "x")]);
    expect(await storage.isStale("/a")).toBe(false);
    storage.use(() => chain(young, old));
    expect(await storage.isStale("/a")).toBe(true);
    await storage.txn([], [put("/a", "x")]);
    expect(await storage.isStale("/a")).toBe(false);
    expect(await storage.isStale("/none")).toBe(false);
  });

  it("tells why a value cannot be read, without keeping the others back", async () => {
    const inner = new MemoryStorage();
    await new EncryptedStorage(inner, () => chain(old)).txn([], [put("/a", "1")]);
    const storage = new EncryptedStorage(inner, () => chain(young, plainly));
    await storage.txn([], [put("/b", "2")]);
    const { items } = await storage.list("/");
    expect(items.map(({ key, unreadable }) => [key, unreadable])).toEqual([
      ["/a", "no matching prefix found"],
      ["/b", undefined],
    ]);
  });

  it("ends a watch when what could not be read may be readable now, and only then", async () => {
    const inner = new MemoryStorage();
    await new EncryptedStorage(inner, () => chain(old)).txn([], [put("/a", "1")]);
    const storage = new EncryptedStorage(inner, () => chain(young));
    const seen: (string | undefined)[] = [];
    const watching = (async () => {
      for await (const batch of storage.watch("/", 0))
        for (const { value, unreadable } of batch) seen.push(unreadable ?? textOf(value));
    })();
    watching.catch(() => undefined);
    storage.use(() => chain(young));
    await storage.txn([], [put("/b", "2")]);
    while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["no matching prefix found", "2"]);
    storage.use(() => chain(young, old));
    await expect(watching).rejects.toThrow("the keys of encrypted values have changed");
    expect(textOf((await storage.get("/a"))?.value)).toBe("1");
  });

  it("writes nothing when a value cannot be sealed", async () => {
    const inner = new MemoryStorage();
    const broken: ValueTransformer = { ...identity, seal: () => Promise.reject(new Error("no key")) };
    const storage = new EncryptedStorage(inner, () => broken);
    await expect(storage.txn([], [put("/a", "1")])).rejects.toMatchObject({
      code: "sealFailure",
      message: "no key",
    });
    expect(await inner.revision()).toBe(0);
  });
});
