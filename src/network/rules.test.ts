import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { baseTable, mergeRules, type PortRules, portRules, type TableSettings, transition } from "./rules.ts";
import type { ServicePortState } from "./service-ports.ts";

const settings: TableSettings = {
  table: "sampan_test_services",
  podCidr: "10.244.0.0/16",
  serviceCidrs: ["10.96.0.0/16"],
  interfacePrefix: "test0",
};
const nothing: PortRules = { chains: new Map(), elements: new Map(), affinitySets: new Map() };
const two = [
  { ip: "10.244.0.2", port: 8080 },
  { ip: "10.244.0.3", port: 8080 },
];

function state(change: Partial<ServicePortState> = {}): ServicePortState {
  return {
    id: "default/web:http",
    protocol: "tcp",
    port: 80,
    clusterIps: ["10.96.0.7"],
    externalIps: [],
    sourceRanges: [],
    nodePort: 0,
    affinitySeconds: 0,
    clusterEndpoints: two,
    externalEndpoints: two,
    ...change,
  };
}

/** Chain → rules, with the hashes taken out of the names. */
function chainsOf(rules: PortRules): Record<string, readonly string[]> {
  return Object.fromEntries(
    [...rules.chains].map(([name, list]) => [name.replaceAll(/_[0-9a-f]{8}/g, ""), list]),
  );
}

describe("portRules()", () => {
  it("spreads a ClusterIP over its endpoints by one lookup", () => {
    const rules = portRules(state());
    expect(chainsOf(rules)).toEqual({
      svc_default_web_http: [
        "meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }",
      ],
    });
    expect([...rules.elements.keys()]).toContain("service_ips 10.96.0.7 . tcp . 80");
  });

  it("refuses connections to a Service without endpoints", () => {
    const rules = portRules(state({ clusterEndpoints: [], externalEndpoints: [] }));
    expect([...rules.elements.keys()]).toEqual(["without_endpoints 10.96.0.7 . tcp . 80"]);
    expect(rules.chains.size).toBe(0);
  });

  it("gives node ports and external addresses one chain, which shares the endpoints", () => {
    const rules = portRules(state({ nodePort: 30080, externalIps: ["192.0.2.1"] }));
    const chains = chainsOf(rules);
    expect(Object.keys(chains)).toEqual(["svc_default_web_http", "ext_default_web_http"]);
    expect([...rules.elements.keys()]).toEqual(
      expect.arrayContaining(["node_ports tcp . 30080", "service_ips 192.0.2.1 . tcp . 80"]),
    );
  });

  it("with external policy Local balances over local endpoints only", () => {
    const chains = chainsOf(portRules(state({ nodePort: 30080, externalEndpoints: two.slice(0, 1) })));
    expect(chains["ext_default_web_http_eps"]).toEqual(["meta l4proto tcp dnat to 10.244.0.2:8080"]);
  });

  it("remembers clients for as long as session affinity says", () => {
    const rules = portRules(state({ affinitySeconds: 600 }));
    expect([...rules.affinitySets.values()]).toEqual([600, 600]);
    const balancer = [...rules.chains.values()].at(-1) ?? [];
    expect(balancer).toHaveLength(3);
    expect(balancer[0]).toMatch(/^ip saddr @aff_.* goto /);
  });
});

describe("transition()", () => {
  it("says nothing when nothing changed", () => {
    const rules = mergeRules([portRules(state())]);
    expect(transition("t", rules, mergeRules([portRules(state())]))).toBe("");
  });

  it("touches only what differs", () => {
    const others = Array.from({ length: 50 }, (_, index) =>
      portRules(state({ id: `default/other${index}:http`, clusterIps: [`10.96.1.${index}`] })),
    );
    const before = mergeRules([...others, portRules(state())]);
    const after = mergeRules([...others, portRules(state({ clusterEndpoints: two.slice(0, 1) }))]);
    const lines = transition("t", before, after).trim().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines.join("\n")).not.toContain("other");
  });
});

const canUseNetns = process.getuid?.() === 0 && spawnSync("nft", ["--version"]).status === 0;
if (!canUseNetns) console.log("skipped: rules against a real kernel (needs root and nft)");

describe.skipIf(!canUseNetns)("against a real kernel", () => {
  const namespace = `sampan-rules-${process.pid}`;
  beforeEach(() => {
    spawnSync("ip", ["netns", "add", namespace]);
  });
  afterEach(() => {
    spawnSync("ip", ["netns", "delete", namespace]);
  });

  function nft(input: string): string {
    const result = spawnSync("nsenter", [`--net=/run/netns/${namespace}`, "nft", "-f", "-"], {
      input,
      encoding: "utf8",
    });
    return result.stderr;
  }

  it("every transition between these states loads, and the last leaves the table empty", () => {
    const full = { nodePort: 30080, externalIps: ["192.0.2.1"] };
    const states: ServicePortState[][] = [
      [],
      [state()],
      [state(full)],
      [state({ ...full, affinitySeconds: 10 })],
      [state({ ...full, affinitySeconds: 10, clusterEndpoints: two.slice(1) })],
      [state({ ...full, externalEndpoints: two.slice(0, 1), sourceRanges: ["192.0.2.0/24"] })],
      [
        state({ clusterEndpoints: [], externalEndpoints: [] }),
        state({ id: "a/dns:dns", protocol: "udp", clusterIps: ["10.96.0.8"] }),
      ],
      [],
    ];
    expect(nft(baseTable(settings))).toBe("");
    for (const from of states) {
      for (const to of states) {
        const [before, after] = [from, to].map((list) => mergeRules(list.map(portRules)));
        if (before === undefined || after === undefined) continue;
        const script = baseTable(settings) + transition(settings.table, nothing, before);
        expect(nft(script)).toBe("");
        expect(nft(transition(settings.table, before, after))).toBe("");
      }
    }
    const listed = spawnSync(
      "nsenter",
      [`--net=/run/netns/${namespace}`, "nft", "list", "table", "ip", settings.table],
      {
        encoding: "utf8",
      },
    );
    expect(listed.stdout).not.toContain("svc_");
  });
});
