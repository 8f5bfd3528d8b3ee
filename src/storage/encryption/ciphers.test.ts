import { describe, expect, it } from "vitest";
import { AesCbc } from "./aes-cbc.ts";
import { AesGcm } from "./aes-gcm.ts";
import { ExtendedNonceGcm } from "./extended-nonce.ts";
import { Secretbox } from "./secretbox.ts";
import { identity, PrefixTransformers, type ValueTransformer } from "./value-transformer.ts";

const secret = Uint8Array.from({ length: 32 }, (_, index) => index);
const key = "/registry/core/secrets/default/s";
const plain = Buffer.from('{"kind":"Secret","data":"hunter2"}');

/** Written by the providers of k8s.io/apiserver v0.36.1 with the same secret, key and value. */
const kinds: [name: string, make: (secret: Uint8Array) => ValueTransformer, written: string][] = [
  [
    "AES-GCM",
    (secret) => new AesGcm(secret),
    "N0KlajpqAwvjPUyxHXhriXIZJhNM5w6cHCRy8ddOwNoTOiqoSAaZP4J4+WAWn4RRYXwm56dpr9AozE3UM7o=",
  ],
  [
    "AES-CBC",
    (secret) => new AesCbc(secret),
    "5fsmR9zq5B45Hrv01z6HpsQxcO84UH5CivwrdPIhw0mf44D5eE0qI/Fjax28ZR8udoQJdcNVA3XbHGbU9Jmbtw==",
  ],
  [
    "secretbox",
    (secret) => new Secretbox(secret),
    "IX1iwezcUNgN2IyvkAnAb/x8Nk5eRYOL5kCmgQPbXI0EibAUTC0FR7EmP3ZrEDfTrlxe4gpO4MyeH6xrj8kdyaCJ/3/3kKw3Gho=",
  ],
  [
    "AES-GCM with a key per value",
    (secret) => new ExtendedNonceGcm(secret),
    "0g93vmItrO20b40pWQMszu6G018wXXgrFplx0RN/BwZDgDig29QTRIWgHlizHOcvB8DF0RXY5j5R/Gg2g9v9eoq3z37PSjbr43oMZ7I+fZXyOPybue0/kqsS3nYrLw==",
  ],
];

describe.each(kinds)("%s", (name, make, written) => {
  const transformer = make(secret);

  it("opens what Kubernetes has written", async () => {
    const { value, isStale } = await transformer.open(Buffer.from(written, "base64"), key);
    expect(Buffer.from(value).toString()).toBe(plain.toString());
    expect(isStale).toBe(false);
  });

  it("opens what it has sealed, which is different every time and as long as Kubernetes'", async () => {
    const [one, two] = [await transformer.seal(plain, key), await transformer.seal(plain, key)];
    expect(Buffer.from((await transformer.open(one, key)).value)).toEqual(plain);
    expect(Buffer.from(one).includes("hunter2")).toBe(false);
    expect(Buffer.compare(one, two)).not.toBe(0);
    expect(one.length).toBe(Buffer.from(written, "base64").length);
  });

  it("does not open with another key, nor what is too short", async () => {
    const sealed = await transformer.seal(plain, key);
    // Without authentication a wrong key may leave a padding that looks right; the value is another one then.
    const found = await make(Buffer.alloc(32, 9))
      .open(sealed, key)
      .then(
        ({ value }) => Buffer.from(value).toString("latin1"),
        () => "refused",
      );
    expect(found).not.toBe(plain.toString());
    expect(name === "AES-CBC" || found === "refused").toBe(true);
    await expect(transformer.open(Buffer.from("abc"), key)).rejects.toThrow(
      "the stored data was shorter than the required size",
    );
  });
});

describe("AES-GCM", () => {
  it.each([16, 24, 32])("takes keys of %d bytes", async (size) => {
    const transformer = new AesGcm(secret.subarray(0, size));
    const { value } = await transformer.open(await transformer.seal(plain, key), key);
    expect(Buffer.from(value)).toEqual(plain);
  });

  it("binds a value to its key: it cannot be moved to another", async () => {
    const transformer = new AesGcm(secret);
    const sealed = await transformer.seal(plain, key);
    await expect(transformer.open(sealed, `${key}2`)).rejects.toThrow(
      "cipher: message authentication failed",
    );
  });
});

describe("AES-CBC", () => {
  it.each([
    [17, "the stored data is not a multiple of the block size"],
    [16, "invalid PKCS7 data (empty or not padded)"],
  ])("refuses %d bytes", async (size, message) => {
    await expect(new AesCbc(secret).open(Buffer.alloc(size))).rejects.toThrow(message);
  });
});

describe("PrefixTransformers", () => {
  const gcm = (fill: number): ValueTransformer => new AesGcm(Buffer.alloc(32, fill));
  const first = { prefix: "one:", transformer: gcm(1) };
  const second = { prefix: "two:", transformer: gcm(2) };
  const plainly = { prefix: "", transformer: identity };

  it("writes with the first, reads with each, and calls stale what the first did not write", async () => {
    const before = new PrefixTransformers([second, first], "unknown");
    const now = new PrefixTransformers([first, second, plainly], "unknown");
    const sealed = await now.seal(plain, key);
    expect(Buffer.from(sealed).toString("latin1").startsWith("one:")).toBe(true);
    expect((await now.open(sealed, key)).isStale).toBe(false);
    expect((await now.open(await before.seal(plain, key), key)).isStale).toBe(true);
    expect((await now.open(plain, key)).isStale).toBe(true);
  });

  it("says what is wrong with a value that none can read", async () => {
    const open = (list: ConstructorParameters<typeof PrefixTransformers>[0], text: string | Uint8Array) =>
      new PrefixTransformers(list, "no matching prefix found").open(Buffer.from(text), key);
    await expect(open([first], "{}")).rejects.toThrow("no matching prefix found");
    await expect(open([plainly], "k8s:enc:aesgcm:v1:k:x")).rejects.toThrow("no matching prefix found");
    const foreign = Buffer.concat([Buffer.from("one:"), await gcm(3).seal(plain, key)]);
    await expect(open([first, first], foreign)).rejects.toThrow("cipher: message authentication failed");
    await expect(open([{ ...first, prefix: "one" }, first], foreign)).rejects.toThrow(
      "cipher: message authentication failed",
    );
  });
});
