import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeAddress } from "../api/types/core-v1.ts";
import type { HostPorts } from "../apimachinery/host-ports.ts";
import { joinKey } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import { CrunRuntime } from "../cri/crun/runtime.ts";
import { upstreamsOf } from "../dns/forward.ts";
import { informerView } from "../dns/informer-view.ts";
import { DnsServer } from "../dns/server.ts";
import { LocalImages } from "../images/local-images.ts";
import { Kubelet } from "../kubelet/index.ts";
import { iproute } from "../linux/iproute.ts";
import { nft } from "../linux/nft.ts";
import { openSystem } from "../linux/system.ts";
import { serviceInterfaceCommands, serviceRouteCommands } from "../network/service-interface.ts";
import { ServiceProxy } from "../network/service-proxy.ts";
import type { Cluster } from "./cluster.ts";
import { hostAddress } from "./host-address.ts";
import { nodeUser } from "./identities.ts";
import { localNodeName } from "./names.ts";

/** What distinguishes this node from those of other clusters on the machine. */
export interface CrunNodeSettings {
  readonly directory: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Answered by the host itself: the API server's Service address and cluster DNS. */
  readonly apiAddress: string;
  readonly dnsAddress: string;
  readonly interfacePrefix: string;
  /** The machine's ports, where other clusters want them too. */
  readonly hostPorts?: HostPorts;
}

export const clusterDomain = "cluster.local";

/** `s0sampan_services`: beside the runtime's own table, and no other cluster's, whatever home it lives in. */
export const servicesTable = (interfacePrefix: string): string => `${interfacePrefix}_services`;

export const imagesDirectory = (directory: string): string => join(directory, "images");

/** Opens the images of an instance without its cluster: for `sampan image` while nothing runs, and for the node. */
export function openImages(
  directory: string,
  cluster: Pick<Cluster, "clock" | "random" | "logger">,
): LocalImages {
  const { clock, random, logger } = cluster;
  return new LocalImages({
    directory: imagesDirectory(directory),
    registryConfig: join(directory, "registries.yaml"),
    clock,
    random,
    logger: logger.named("images"),
  });
}

/** A node of this machine that runs containers with crun. */
export class CrunNode {
  readonly images: LocalImages;
  readonly #cluster: Cluster;
  readonly #settings: CrunNodeSettings;
  #runtime: CrunRuntime | undefined;
  #kubelet: Kubelet | undefined;
  #proxy: ServiceProxy | undefined;
  #dns: DnsServer | undefined;
  /** Runtime and kubelet share one thread: each takes 11 MB. It starts while other things go on. */
  readonly #system = openSystem();

  constructor(cluster: Cluster, settings: CrunNodeSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.images = openImages(settings.directory, cluster);
  }

  /** Takes up the containers that run already. Needs nothing of the API server. */
  async open(): Promise<void> {
    const { directory, podCidr, interfacePrefix, hostPorts } = this.#settings;
    const { clock, random, logger } = this.#cluster;
    this.#runtime = await CrunRuntime.open({
      system: this.#system,
      rootDirectory: join(directory, "runtime"),
      podCidr,
      interfacePrefix,
      images: this.images.store,
      ...(hostPorts === undefined ? {} : { hostPorts }),
      clock,
      random,
      logger: logger.named("crun"),
    });
  }

  /** Makes the interface that carries the API server's and DNS's addresses. Done before: it stays as it is. */
  async prepareServiceInterface(): Promise<void> {
    const { apiAddress, dnsAddress } = this.#settings;
    const commands = serviceInterfaceCommands({ ...this.#settings, addresses: [apiAddress, dnsAddress] });
    await iproute(commands, this.#system).catch((error: unknown) => {
      // With -force the rest is done; the link existed before when only its creation failed.
      if (!String(error).includes("File exists")) throw error;
    });
  }

  /** Starts the agent, the service proxy and DNS; resolves when the node object is registered. */
  async start(): Promise<void> {
    await Promise.all([this.#startDns(), this.#startProxy(), this.#startKubelet()]);
  }

  async #startKubelet(): Promise<void> {
    const system = this.#system;
    if (this.#runtime === undefined) throw new TypeError("open() comes before start()");
    const { directory, dnsAddress, interfacePrefix, apiAddress } = this.#settings;
    const nodeName = localNodeName();
    const context = this.#cluster.contextFor("kubelet", nodeUser(nodeName));
    const address = hostAddress((name) => name.startsWith(interfacePrefix)) ?? apiAddress;
    const addresses: NodeAddress[] = [
      { type: "InternalIP", address },
      { type: "Hostname", address: nodeName },
    ];
    this.#kubelet = new Kubelet({
      ...context,
      runtime: this.#runtime,
      images: this.images,
      nodeName,
      nodeAddresses: addresses,
      rootDirectory: join(directory, "kubelet"),
      dns: { servers: [dnsAddress], domain: clusterDomain },
      withdrawn: async (podAddress, limitMs) => await this.#proxy?.withdrawn(podAddress, limitMs),
      mounter: {
        mountTmpfs: (target, { sizeBytes }) =>
          system.mount({
            source: "tmpfs",
            target,
            type: "tmpfs",
            flags: ["nosuid", "nodev"],
            data: sizeBytes === undefined ? "mode=0755" : `mode=0755,size=${sizeBytes}`,
          }),
        unmount: (path) => system.unmount(path),
      },
    });
    this.#cluster.connectNode(nodeName, this.#kubelet);
    await this.#kubelet.start(this.#cluster.signal);
  }

  async #startProxy(): Promise<void> {
    const system = this.#system;
    const { podCidr, serviceCidr, interfacePrefix, apiAddress, hostPorts } = this.#settings;
    const { informers, clock, logger } = this.#cluster;
    const { events } = this.#cluster.contextFor("service-proxy", nodeUser(localNodeName()));
    const services = informers.informer(resources.services);
    const endpointSlices = informers.informer(resources.endpointslices);
    const serviceCidrs = informers.informer(resources.servicecidrs);
    await Promise.all([services.synced(), endpointSlices.synced(), serviceCidrs.synced()]);
    this.#proxy = new ServiceProxy({
      settings: { table: servicesTable(interfacePrefix), podCidr, interfacePrefix },
      serviceCidr,
      serviceCidrs,
      route: async (added, gone) => {
        const source = { interfacePrefix, addresses: [apiAddress] };
        await iproute(serviceRouteCommands(source, added, gone), system);
      },
      nodeName: localNodeName(),
      services,
      endpointSlices,
      runNft: async (script) => void (await nft(script, system)),
      clock,
      logger: logger.named("service-proxy"),
      answeredByHost: new Set([joinKey("default", "kubernetes"), joinKey("kube-system", "kube-dns")]),
      ...(hostPorts === undefined ? {} : { hostPorts }),
      onRefused: (service, message) => events.event(service, "Warning", "PortInUse", message),
    });
    await this.#proxy.start();
  }

  async #startDns(): Promise<void> {
    const { dnsAddress } = this.#settings;
    const { informers, clock, logger } = this.#cluster;
    const [services, slices, namespaces] = [
      informers.informer(resources.services),
      informers.informer(resources.endpointslices),
      informers.informer(resources.namespaces),
    ];
    const resolvConf = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
    this.#dns = new DnsServer({
      address: dnsAddress,
      port: 53,
      domain: clusterDomain,
      view: informerView(services, slices, namespaces),
      upstreams: upstreamsOf(resolvConf, [dnsAddress]),
      clock,
      logger: logger.named("dns"),
    });
    await this.#dns.listen();
  }

  /** Stops following the cluster. Containers, addresses and the tables stay: traffic goes on. */
  async stop(): Promise<void> {
    await this.#kubelet?.stop();
    await this.#proxy?.stop();
    await this.#dns?.close();
    await this.#runtime?.close();
  }
}
