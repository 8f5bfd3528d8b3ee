import { describe, expect, it } from "vitest";
import type { Answer } from "./client/answer.ts";
import type { FuzzRequest } from "./generate/fuzz-request.ts";
import { judge } from "./oracle.ts";

const request: FuzzRequest = {
  type: "request",
  protocol: "h2",
  method: "GET",
  target: "/api/v1/pods",
  headers: [],
  body: undefined,
  isMalformed: false,
};
const json = { "content-type": "application/json" };
const failure = (status: number, fields: object = {}): Answer => ({
  status,
  headers: json,
  body: Buffer.from(
    JSON.stringify({
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      message: "x",
      code: status,
      ...fields,
    }),
  ),
  isComplete: true,
});
const verdict = (answer: Answer, target = request.target): string | undefined =>
  judge({ ...request, target }, { answers: [answer], isSilent: false });

describe("judge()", () => {
  it.each([[400], [404], [409], [422]])("takes a Status of %i", (status) => {
    expect(verdict(failure(status))).toBeUndefined();
  });

  it.each([
    ["a failure of the server", failure(500), "failure of the server"],
    ["another code in the Status", failure(404, { code: 400 }), "the Status says 400"],
    ["no Status", failure(404, { kind: "Pod" }), "not a Status"],
    ["text", { ...failure(400), headers: { "content-type": "text/plain" } }, "text instead of a Status"],
    ["half an answer", { ...failure(200), isComplete: false }, "the answer is not complete"],
  ])("refuses %s", (_, answer, why) => {
    expect(verdict(answer)).toContain(why);
  });

  it("takes a failure that Kubernetes gives too, where it gives it", () => {
    const late = failure(504, { message: "Timeout: Too large resource version: 9, current: 5" });
    expect(verdict(late, "/api/v1/pods?resourceVersion=9")).toBeUndefined();
    expect(verdict(late)).toContain("failure of the server");
  });

  it("refuses silence, and no answer at all", () => {
    expect(judge(request, { answers: [], isSilent: true })).toBe("no answer came");
    expect(judge(request, { answers: [], isSilent: false, broken: "closed" })).toBe("no answer: closed");
  });
});
