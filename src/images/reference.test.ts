import { describe, expect, test } from "vitest";
import { normalizeReference, parseReference } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("normalizeReference() writes names in full", () => {
  test.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["nginx:1.27", "docker.io/library/nginx:1.27"],
    ["bitnami/redis", "docker.io/bitnami/redis:latest"],
    ["docker.io/nginx", "docker.io/library/nginx:latest"],
    ["index.docker.io/library/nginx", "docker.io/library/nginx:latest"],
    ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"],
    ["localhost/app", "localhost/app:latest"],
    ["localhost:5000/a/b/c:v1", "localhost:5000/a/b/c:v1"],
    ["[::1]:5000/app:v1", "[::1]:5000/app:v1"],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`quay.io/a/b:v1@${digest}`, `quay.io/a/b:v1@${digest}`],
    ["ghcr.io/a__b/c-d.e:V_1.2-3", "ghcr.io/a__b/c-d.e:V_1.2-3"],
  ])("%s → %s", (text, full) => {
    expect(normalizeReference(text)).toBe(full);
  });
});

describe("parseReference() refuses what names no image", () => {
  test.each([
    "",
    "Nginx",
    "nginx:",
    "a//b",
    "nginx@sha256:12",
    "-a",
    "a:b:c",
    "nginx:.x",
    "http://nginx",
    "a b",
  ])("%j", (text) => {
    expect(() => parseReference(text)).toThrow(/couldn't parse image name/);
  });
});
