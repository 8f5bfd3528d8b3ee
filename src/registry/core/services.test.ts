import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Service, ServiceSpec } from "../../api/types/core-v1.ts";
import { failure, type TestApi } from "../../apiserver/testing/api.ts";
import type { TestServer } from "../../apiserver/testing/test-server.ts";
import { startRegistryServer } from "../testing/registry-server.ts";

let server: TestServer & { readonly api: TestApi };
let api: TestApi;
beforeEach(async () => {
  server = await startRegistryServer();
  api = server.api;
});
afterEach(async () => server.server.close());

const all = "/api/v1/namespaces/default/services";
const service = (name: string, spec: Partial<ServiceSpec>) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});
const create = async (name: string, spec: Partial<ServiceSpec> = {}): Promise<Service> =>
  (await api.post(all, service(name, spec))) as unknown as Service;
const patch = async (name: string, spec: object): Promise<Service> =>
  (await api.patch("merge", `${all}/${name}`, { spec })) as unknown as Service;
const put = async (before: Service, spec: ServiceSpec): Promise<Service> =>
  (await api.put(`${all}/${before.metadata.name}`, { ...before, spec })) as unknown as Service;
const nodePorts = ({ spec }: Service) => (spec.ports ?? []).map(({ nodePort }) => nodePort);
const causes = async (request: Promise<unknown>): Promise<(string | undefined)[]> =>
  ((await failure(request)).details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);

describe("a new Service", () => {
  it("gets an address of the range, one family, and no status of its own", async () => {
    const { spec, status } = await create("web");
    expect(spec).toMatchObject({
      type: "ClusterIP",
      clusterIP: expect.stringMatching(/^10\.96\.0\.\d+$/),
      clusterIPs: [spec.clusterIP],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
    });
    expect(status).toEqual({ loadBalancer: {} });
    expect(nodePorts({ spec } as Service)).toEqual([undefined]);
  });

  it("gets the address that it asks for, if that is free and in the range", async () => {
    expect((await create("web", { clusterIP: "10.96.0.7" })).spec.clusterIPs).toEqual(["10.96.0.7"]);
    expect(await causes(create("other", { clusterIP: "10.96.0.7" }))).toEqual([
      'spec.clusterIPs: Invalid value: ["10.96.0.7"]: failed to allocate IP 10.96.0.7: provided IP is already allocated',
    ]);
    expect(await causes(create("far", { clusterIP: "10.97.0.1" }))).toEqual([
      'spec.clusterIPs: Invalid value: ["10.97.0.1"]: failed to allocate IP 10.97.0.1: the provided network does not match the current range',
    ]);
  });

  it("never gets an address that another has, until the range is full", async () => {
    const addresses = new Set<string | undefined>();
    for (let number = 0; number < 254; number++) addresses.add((await create(`s${number}`)).spec.clusterIP);
    expect(addresses.size).toBe(254);
    expect((await failure(create("one-more"))).message).toBe(
      "Internal error occurred: failed to allocate a serviceIP: range is full",
    );
    await api.delete(`${all}/s17`);
    expect((await create("one-more")).spec.clusterIP).toBeDefined();
  });

  it.each<[Partial<ServiceSpec>, Partial<ServiceSpec>]>([
    [
      { clusterIP: "None", selector: { app: "web" } },
      { clusterIP: "None", clusterIPs: ["None"], ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" },
    ],
    [
      { clusterIP: "None" },
      { clusterIPs: ["None"], ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "RequireDualStack" },
    ],
  ])("that is headless gets no address: %j", async (spec, expected) => {
    expect((await create("web", spec)).spec).toMatchObject(expected);
  });

  it("of type ExternalName gets nothing", async () => {
    const { spec } = await create("web", { type: "ExternalName", externalName: "example.com" });
    expect([spec.clusterIP, spec.clusterIPs, spec.ipFamilies, spec.ipFamilyPolicy]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each<[Partial<ServiceSpec>, boolean]>([
    [{ type: "ClusterIP" }, false],
    [{ type: "NodePort" }, true],
    [{ type: "LoadBalancer" }, true],
    [{ type: "LoadBalancer", allocateLoadBalancerNodePorts: false }, false],
  ])("of %j has node ports: %s", async (spec, expected) => {
    const [port] = nodePorts(await create("web", spec));
    expect((port ?? 0) >= 30_000 && (port ?? 0) <= 32_767).toBe(expected);
  });

  it("has one node port for both protocols of a port", async () => {
    const ports = [
      { name: "udp", port: 53, protocol: "UDP" },
      { name: "tcp", port: 53, protocol: "TCP" },
      { name: "web", port: 80, protocol: "TCP" },
    ];
    const [udp, tcp, web] = nodePorts(await create("dns", { type: "NodePort", ports }));
    expect(udp).toBe(tcp);
    expect(web).not.toBe(tcp);
  });

  it("gets the node port that it asks for, if no other Service has it, whatever the protocol", async () => {
    const wanted = (protocol: string, nodePort: number) => ({
      type: "NodePort",
      ports: [{ port: 80, protocol, nodePort }],
    });
    expect(nodePorts(await create("web", wanted("TCP", 30_080)))).toEqual([30_080]);
    for (const protocol of ["TCP", "UDP"]) {
      expect(await causes(create("other", wanted(protocol, 30_080)))).toEqual([
        "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
      ]);
    }
    expect(await causes(create("far", wanted("TCP", 80)))).toEqual([
      "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
    ]);
    await api.delete(`${all}/web`);
    expect(nodePorts(await create("other", wanted("UDP", 30_080)))).toEqual([30_080]);
  });

  it("that takes only local traffic has a port for health checks, of the node ports", async () => {
    const local = { type: "LoadBalancer", externalTrafficPolicy: "Local" };
    const { spec } = await create("web", local);
    expect(spec.healthCheckNodePort).toBeGreaterThanOrEqual(30_000);
    const { healthCheckNodePort = 0 } = spec;
    expect(await causes(create("other", { ...local, healthCheckNodePort }))).toEqual([
      `spec.healthCheckNodePort: Invalid value: ${healthCheckNodePort}: provided port is already allocated`,
    ]);
    const taken = { type: "NodePort", ports: [{ port: 80, nodePort: healthCheckNodePort }] };
    expect(await causes(create("other", taken))).toHaveLength(1);
  });

  it("takes nothing when it is refused or only tried", async () => {
    await failure(create("web", { clusterIP: "10.96.0.9", ports: [{ port: 0 }] }));
    await api.post(all, service("web", { clusterIP: "10.96.0.9" }), { dryRun: "All" });
    expect((await create("web", { clusterIP: "10.96.0.9" })).spec.clusterIP).toBe("10.96.0.9");
  });

  it("races others for one address, and one wins", async () => {
    const results = await Promise.allSettled(
      ["a", "b", "c"].map((name) => create(name, { clusterIP: "10.96.0.5" })),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

describe("an update of a Service", () => {
  it("that leaves out what was allocated keeps it", async () => {
    const before = await create("web", { type: "LoadBalancer", externalTrafficPolicy: "Local" });
    const after = await put(before, {
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      ports: [{ port: 80 }],
    });
    expect(after.spec).toEqual(before.spec);
  });

  it("keeps a headless Service headless", async () => {
    const before = await create("web", { clusterIP: "None", selector: { app: "web" } });
    const after = await put(before, { selector: { app: "web" }, ports: [{ port: 81 }] });
    expect([after.spec.clusterIP, after.spec.clusterIPs]).toEqual(["None", ["None"]]);
  });

  it("keeps node ports by port and protocol, and gives new ports new ones", async () => {
    const before = await create("web", { type: "NodePort", ports: [{ name: "a", port: 80 }] });
    const after = await put(before, {
      type: "NodePort",
      ports: [
        { name: "b", port: 81 },
        { name: "a", port: 80 },
      ],
    });
    const [fresh, kept] = nodePorts(after);
    expect(kept).toBe(nodePorts(before)[0]);
    expect(fresh).not.toBe(kept);
  });

  it("to ClusterIP lets go of node ports, traffic policy and health checks", async () => {
    const nodePort = 30_123;
    const before = await create("web", {
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      ports: [{ port: 80, nodePort }],
    });
    const after = await patch("web", { type: "ClusterIP" });
    expect(nodePorts(after)).toEqual([undefined]);
    expect(after.spec.clusterIP).toBe(before.spec.clusterIP);
    for (const field of [
      "externalTrafficPolicy",
      "healthCheckNodePort",
      "allocateLoadBalancerNodePorts",
    ] as const)
      expect(after.spec[field]).toBeUndefined();
    expect(nodePorts(await create("other", { type: "NodePort", ports: [{ port: 1, nodePort }] }))).toEqual([
      nodePort,
    ]);
  });

  it("to ExternalName lets go of its address, and back gets one again", async () => {
    await create("web", { clusterIP: "10.96.0.9" });
    const external = await patch("web", { type: "ExternalName", externalName: "example.com" });
    expect([external.spec.clusterIP, external.spec.clusterIPs, external.spec.ipFamilies]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect((await create("other", { clusterIP: "10.96.0.9" })).spec.clusterIP).toBe("10.96.0.9");
    const back = await patch("web", { type: "ClusterIP", externalName: null });
    expect(back.spec.clusterIP).toMatch(/^10\.96\.0\./);
    expect(back.spec.clusterIP).not.toBe("10.96.0.9");
  });

  it("to NodePort gives node ports, to one that is taken is refused", async () => {
    await create("taken", { type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] });
    await create("web");
    expect(nodePorts(await patch("web", { type: "NodePort" }))[0]).toBeGreaterThanOrEqual(30_000);
    const ports = [{ port: 80, nodePort: 30_080 }];
    expect(await causes(patch("web", { ports }))).toEqual([
      "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
    ]);
  });

  it("of the status keeps the spec, and loses the load balancer's when the type changes", async () => {
    await create("web", { type: "LoadBalancer" });
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } };
    const written = await api.patch("merge", `${all}/web/status`, {
      metadata: { annotations: { patched: "true" } },
      spec: { sessionAffinity: "ClientIP" },
      status,
    });
    expect(written).toMatchObject({
      metadata: { annotations: { patched: "true" } },
      spec: { sessionAffinity: "None" },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] } },
    });
    expect((await patch("web", { type: "ClusterIP" })).status).toEqual({ loadBalancer: {} });
  });
});

describe("ranges that are added", () => {
  const networking = "/apis/networking.k8s.io/v1";
  const address = (name: string, spec: Partial<ServiceSpec> = {}): Promise<string | undefined> =>
    create(name, spec).then((made) => made.spec.clusterIP);

  async function addRange(name: string, cidr: string): Promise<void> {
    const made = await api.post(`${networking}/servicecidrs`, {
      apiVersion: "networking.k8s.io/v1",
      kind: "ServiceCIDR",
      metadata: { name, finalizers: ["example.com/kept"] },
      spec: { cidrs: [cidr] },
    });
    const lastTransitionTime = "2026-01-01T00:00:00Z";
    const condition = { type: "Ready", status: "True", reason: "", message: "", lastTransitionTime };
    await api.put(`${networking}/servicecidrs/${name}/status`, {
      ...made,
      status: { conditions: [condition] },
    });
  }

  it("give the addresses that are asked for, while they are ready and not on their way out", async () => {
    const far = { clusterIP: "10.200.0.7" };
    expect(await causes(create("early", far))).toEqual([
      expect.stringContaining("does not match the current range"),
    ]);
    await addRange("more", "10.200.0.0/28");
    expect(await address("web", far)).toBe("10.200.0.7");
    expect(await causes(create("edge", { clusterIP: "10.200.0.15" }))).toEqual([
      expect.stringContaining(
        "the provided IP (10.200.0.15) is not in the valid range. The range of valid IPs is 10.200.0.0/28",
      ),
    ]);
    await api.delete(`${networking}/servicecidrs/more`);
    expect(await causes(create("late", { clusterIP: "10.200.0.8" }))).toEqual([
      expect.stringContaining("does not match the current range"),
    ]);
    expect((await patch("web", { ports: [{ port: 81 }] })).spec.clusterIP).toBe("10.200.0.7");
  });

  it("give addresses when the cluster's own has none left", async () => {
    for (let count = 0; count < 254; count++) expect(await address(`s${count}`)).toMatch(/^10\.96\.0\./);
    expect((await failure(create("none"))).message).toContain("range is full");
    await addRange("more", "10.200.0.0/30");
    expect(new Set([await address("a"), await address("b")])).toEqual(new Set(["10.200.0.1", "10.200.0.2"]));
    expect((await failure(create("none"))).message).toContain("range is full");
  });

  it("keep an address from Services that something else has an IPAddress of", async () => {
    const parentRef = { group: "gateway.networking.k8s.io", resource: "gateways", namespace: "a", name: "g" };
    await api.post(`${networking}/ipaddresses`, {
      apiVersion: "networking.k8s.io/v1",
      kind: "IPAddress",
      metadata: { name: "10.96.0.77" },
      spec: { parentRef },
    });
    expect(await causes(create("web", { clusterIP: "10.96.0.77" }))).toEqual([
      expect.stringContaining("failed to allocate IP 10.96.0.77: provided IP is already allocated"),
    ]);
    await api.delete(`${networking}/ipaddresses/10.96.0.77`);
    expect(await address("web", { clusterIP: "10.96.0.77" })).toBe("10.96.0.77");
  });
});

describe("metrics of node ports", () => {
  it("count those that Services have, and those that are left", async () => {
    const metric = (name: string): number =>
      Number(
        new RegExp(`kube_apiserver_nodeport_allocator_${name}_ports (\\d+)`).exec(
          server.server.metrics.text(),
        )?.[1],
      );
    const [held, free] = [metric("allocated"), metric("available")];
    expect(held + free).toBe(32_767 - 30_000 + 1);
    await create("two-ports", {
      type: "NodePort",
      ports: [
        { name: "a", port: 80 },
        { name: "b", port: 81 },
      ],
    });
    expect([metric("allocated"), metric("available")]).toEqual([held + 2, free - 2]);
  });
});

describe("metrics of addresses", () => {
  it("count what was given and refused, and what is left", async () => {
    const metric = (name: string): string[] =>
      server.server.metrics
        .text()
        .split("\n")
        .filter((line) => line.startsWith(`kube_apiserver_clusterip_allocator_${name}{`))
        .map((line) => line.replace(/^[^{]*/, ""));
    const before = metric("allocated_ips")[0] ?? "";
    const { spec } = await create("web");
    await create("headless", { clusterIP: "None" });
    await create("named", { clusterIP: "10.96.0.200" });
    await failure(create("taken", { clusterIP: spec.clusterIP ?? "" }));
    await api.post(all, service("dry", {}), { dryRun: "All" });
    const cidr = /cidr="[^"]*"/.exec(before)?.[0] ?? "";
    const count = Number(before.split(" ")[1]);
    expect(metric("allocation_total").sort()).toEqual([
      `{${cidr},scope="dynamic"} 1`,
      `{${cidr},scope="static"} 1`,
    ]);
    expect(metric("allocation_errors_total")).toEqual([`{${cidr},scope="static"} 1`]);
    expect(metric("allocation_duration_seconds_count")).toEqual([`{${cidr}} 2`]);
    expect(metric("allocated_ips")).toEqual([`{${cidr}} ${count + 2}`]);
    const bits = Number(/\/(\d+)"/.exec(cidr)?.[1]);
    expect(metric("available_ips")).toEqual([`{${cidr}} ${2 ** (32 - bits) - 2 - count - 2}`]);
  });
});
