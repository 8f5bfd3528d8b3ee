import { describe, expect, it } from "vitest";
import { type ClusterView, resolve } from "./records.ts";
import { testView } from "./testing/view.ts";

const view: ClusterView = testView();

/** Answers as short texts; undefined for names that are not ours, "NXDOMAIN" for names that do not exist. */
function ask(name: string, type: string): string[] | "NXDOMAIN" | undefined {
  const found = resolve(view, "cluster.local", name, type);
  if (found === undefined) return undefined;
  if (!found.exists) return "NXDOMAIN";
  return found.answers.map((answer) =>
    answer.type === "SRV"
      ? `SRV ${answer.data.port} ${answer.data.target}`
      : `${answer.type} ${String(answer.data)}`,
  );
}

describe("resolve()", () => {
  it.each([
    ["web.default.svc.cluster.local", "A", ["A 10.96.0.7"]],
    ["web.default.svc.cluster.local", "AAAA", []],
    ["absent.default.svc.cluster.local", "A", "NXDOMAIN"],
    ["web.nowhere.svc.cluster.local", "A", "NXDOMAIN"],
    ["pod.web.default.svc.cluster.local", "A", "NXDOMAIN"],
    ["default.svc.cluster.local", "A", []],
    ["svc.cluster.local", "A", []],
    ["cluster.local", "A", []],
    ["nothing.cluster.local", "A", "NXDOMAIN"],
    ["_http._tcp.web.default.svc.cluster.local", "SRV", ["SRV 80 web.default.svc.cluster.local"]],
    ["_http._udp.web.default.svc.cluster.local", "SRV", "NXDOMAIN"],
    ["web.default.svc.cluster.local", "SRV", ["SRV 80 web.default.svc.cluster.local"]],
    ["dns-version.cluster.local", "TXT", ["TXT 1.1.0"]],
    ["example.com", "A", undefined],
    ["notcluster.local", "A", undefined],
  ])("Service: %s %s", (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  it.each([
    ["db.default.svc.cluster.local", "A", ["A 10.244.0.2", "A 10.244.0.3"]],
    ["db-0.db.default.svc.cluster.local", "A", ["A 10.244.0.2"]],
    ["10-244-0-3.db.default.svc.cluster.local", "A", ["A 10.244.0.3"]],
    ["db-9.db.default.svc.cluster.local", "A", "NXDOMAIN"],
    [
      "_sql._tcp.db.default.svc.cluster.local",
      "SRV",
      ["SRV 3306 db-0.db.default.svc.cluster.local", "SRV 3306 10-244-0-3.db.default.svc.cluster.local"],
    ],
    ["empty.default.svc.cluster.local", "A", []],
  ])("headless Service: %s %s", (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  it("leaves addresses that are not ready out, unless the Service publishes them", () => {
    expect(ask("db.default.svc.cluster.local", "A")).not.toContain("A 10.244.0.4");
    expect(ask("eager.default.svc.cluster.local", "A")).toEqual(["A 10.244.0.4"]);
  });

  it("answers ExternalName by an alias", () => {
    expect(ask("out.default.svc.cluster.local", "A")).toEqual(["CNAME www.example.com"]);
  });

  it.each([
    ["10-244-0-9.default.pod.cluster.local", "A", ["A 10.244.0.9"]],
    ["10-244-0-999.default.pod.cluster.local", "A", "NXDOMAIN"],
    ["10-244-0-9.nowhere.pod.cluster.local", "A", "NXDOMAIN"],
  ])("pod by address: %s", (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  it.each([
    ["7.0.96.10.in-addr.arpa", ["PTR web.default.svc.cluster.local"]],
    ["2.0.244.10.in-addr.arpa", ["PTR db-0.db.default.svc.cluster.local"]],
    ["8.8.8.8.in-addr.arpa", undefined],
  ])("reverse: %s", (name, expected) => {
    expect(ask(name, "PTR")).toEqual(expected);
  });
});
