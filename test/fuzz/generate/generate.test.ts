import { describe, expect, it } from "vitest";
import { describeCase } from "./fuzz-request.ts";
import { generate } from "./generate.ts";

const numbers = Array.from({ length: 2000 }, (_, index) => index);

describe("generate()", () => {
  it("makes the same request of a seed and a number, whatever was made before", () => {
    const all = numbers.slice(0, 300).map((index) => generate(7, index));
    for (const index of [299, 0, 120]) expect(generate(7, index)).toEqual(all[index]);
  });

  it("makes other requests of another seed", () => {
    const [one, other] = [1, 2].map((seed) => numbers.slice(0, 20).map((index) => generate(seed, index)));
    expect(one).not.toEqual(other);
  });

  it("asks in every form: all methods, both protocols, all types of bodies, broken conversations", () => {
    const text = numbers.map((index) => describeCase(generate(1, index))).join("\n");
    for (const part of [
      "h2 GET",
      "http/1.1 GET",
      "POST",
      "PUT",
      "PATCH",
      "DELETE",
      "HEAD",
      "application/json-patch+json",
      "application/merge-patch+json",
      "application/strategic-merge-patch+json",
      "application/apply-patch+yaml",
      "application/vnd.kubernetes.protobuf",
      "watch=1",
      "continue=",
      "h2 conversation",
      "http/1.1 conversation",
      "WebSocket",
      "SPDY",
      "impersonate-user",
      " cut at ",
      "/openapi/v3",
      "/proxy",
    ]) {
      expect(text).toContain(part);
    }
  });
});
