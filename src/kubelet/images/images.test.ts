import { describe, expect, test } from "vitest";
import type { Secret } from "../../api/types/core-v1.ts";
import { newPod } from "../testing/harness.ts";
import { pullCredentials } from "./credentials.ts";
import { formatDuration } from "./duration.ts";
import { type ImageName, parseImageName } from "./image-name.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("image names", () => {
  test.each([
    ["nginx", "nginx:latest", "docker.io", "library/nginx"],
    ["nginx:1.27", "nginx:1.27", "docker.io", "library/nginx"],
    ["bitnami/nginx", "bitnami/nginx:latest", "docker.io", "bitnami/nginx"],
    ["localhost:5000/app", "localhost:5000/app:latest", "localhost:5000", "app"],
    ["registry.example.com/a/b/c:v1", "registry.example.com/a/b/c:v1", "registry.example.com", "a/b/c"],
    [`nginx@${digest}`, `nginx@${digest}`, "docker.io", "library/nginx"],
    ["sampan.dev/node:host", "sampan.dev/node:host", "sampan.dev", "node"],
  ])("%s", (text, reference, registry, repository) => {
    expect(parseImageName(text)).toEqual({ reference, registry, repository });
  });

  test.each([
    ["", "invalid reference format"],
    ["Nginx", "invalid reference format: repository name must be lowercase"],
    ["nginx:", "invalid reference format"],
    ["a b", "invalid reference format"],
    ["nginx@sha256:12", "invalid reference format"],
    ["http://x/y", "invalid reference format"],
  ])("%j is refused", (text, fault) => {
    expect(parseImageName(text)).toBe(`couldn't parse image name "${text}": ${fault}`);
  });
});

describe("pull credentials", () => {
  const secretOf = (auths: object): Secret => {
    const json = Buffer.from(JSON.stringify({ auths })).toString("base64");
    return { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: { ".dockerconfigjson": json } };
  };
  const pod = newPod("web", { imagePullSecrets: [{ name: "s" }, { name: "nix" }] });

  test.each([
    ["nginx", { "https://index.docker.io/v1/": { auth: "dTpw" } }, ["u"]],
    ["r.example.com/a", { "r.example.com": { username: "u", password: "p" } }, ["u"]],
    ["r.example.com/a", { "*.example.com": { username: "u", password: "p" } }, ["u"]],
    ["r.example.com/a", { "other.com": { username: "u", password: "p" } }, []],
    [
      "r.example.com/team/a",
      {
        "r.example.com": { username: "all", password: "p" },
        "r.example.com/team": { username: "team", password: "p" },
      },
      ["team", "all"],
    ],
    ["r.example.com/a", { "r.example.com/team": { username: "team", password: "p" } }, []],
  ])("for %s among %j", async (image, auths, users) => {
    const name = parseImageName(image) as ImageName;
    const read = (_: string, secret: string): Promise<Secret | undefined> =>
      Promise.resolve(secret === "s" ? secretOf(auths) : undefined);
    const { credentials, missing } = await pullCredentials(pod, name, read);
    expect(credentials.map(({ username }) => username)).toEqual(users);
    expect(missing).toEqual(["nix"]);
  });
});

test.each([
  [0, "0s"],
  [12, "12ms"],
  [1_250, "1.25s"],
  [10_000, "10s"],
  [160_000, "2m40s"],
  [300_000, "5m0s"],
  [3_605_000, "1h0m5s"],
])("%i ms is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
