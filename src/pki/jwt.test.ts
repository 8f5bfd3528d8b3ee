import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { jsonWebKeySet, keyId, parseJwt, signJwt, verifyJwt } from "./jwt.ts";
import { generateKey, publicKeyToPem } from "./keys.ts";

const ec = generateKey();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const keys = (...list: KeyObject[]): Map<string, KeyObject> => new Map(list.map((key) => [keyId(key), key]));
const claims = {
  iss: "https://kubernetes.default.svc",
  sub: "system:serviceaccount:default:default",
  exp: 2_000_000_000,
};
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

describe.each([
  ["ES256", ec],
  ["RS256", rsa],
])("%s", (alg, key) => {
  const token = signJwt(claims, key);

  test("a token is verified by its key", () => {
    expect(verifyJwt(token, keys(ec, rsa))).toEqual(claims);
    expect(parseJwt(token)?.header).toEqual({ alg, kid: keyId(key) });
  });

  test("a token of another key is refused", () => {
    expect(verifyJwt(signJwt(claims, key, keyId(generateKey())), keys(ec, rsa))).toBeUndefined();
    expect(verifyJwt(signJwt(claims, generateKey(), keyId(key)), keys(key))).toBeUndefined();
  });

  test("changed claims are refused", () => {
    const [header, , signature] = token.split(".");
    const forged = `${header}.${encode({ ...claims, sub: "system:admin" })}.${signature}`;
    expect(verifyJwt(forged, keys(ec, rsa))).toBeUndefined();
  });

  test("its key set lets anybody else verify it", () => {
    const [jwk] = jsonWebKeySet(keys(key)).keys;
    expect(jwk).toMatchObject({ use: "sig", kid: keyId(key), alg });
    expect(jwk).not.toHaveProperty("d");
    const [header, payload, signature] = token.split(".");
    const publicKey = createPublicKey({ key: jwk ?? {}, format: "jwk" });
    const content = Buffer.from(`${header}.${payload}`);
    const bytes = Buffer.from(signature ?? "", "base64url");
    expect(verify("sha256", content, { key: publicKey, dsaEncoding: "ieee-p1363" }, bytes)).toBe(true);
  });
});

describe("verifyJwt() refuses", () => {
  const good = signJwt(claims, ec);
  const [header = "", payload = "", signature = ""] = good.split(".");
  const kid = keyId(ec);

  test.each([
    ["the algorithm none", `${encode({ alg: "none", kid })}.${payload}.`],
    ["the algorithm none with a signature", `${encode({ alg: "none", kid })}.${payload}.${signature}`],
    ["another algorithm than the key's", `${encode({ alg: "RS256", kid })}.${payload}.${signature}`],
    ["two parts", `${header}.${payload}`],
    ["four parts", `${good}.x`],
    ["padding", `${header}.${payload}.${signature}=`],
    ["claims that are no object", `${header}.${encode(["x"])}.${signature}`],
    ["claims that are no JSON", `${header}.eHg.${signature}`],
    ["a signature of DER form", `${header}.${payload}.${Buffer.alloc(71, 0x30).toString("base64url")}`],
    ["an empty text", ""],
    ["dots", ".."],
  ])("%s", (_what, token) => {
    expect(verifyJwt(token, keys(ec, rsa))).toBeUndefined();
  });

  test("an HMAC made with the public key", () => {
    const content = `${encode({ alg: "HS256", kid })}.${payload}`;
    const mac = createHmac("sha256", publicKeyToPem(ec)).update(content).digest("base64url");
    expect(verifyJwt(`${content}.${mac}`, keys(ec))).toBeUndefined();
  });
});

test("a token without a key id is tried against every key", () => {
  const [, payload] = signJwt(claims, ec).split(".");
  expect(payload).toBeDefined();
  const token = signJwt(claims, ec, undefined);
  expect(verifyJwt(token, keys(rsa, ec))).toEqual(claims);
});

test("signJwt() refuses keys of other kinds", () => {
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  expect(() => signJwt(claims, p384)).toThrow(/RSA or P-256/);
});
