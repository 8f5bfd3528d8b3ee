import type { Clock } from "../../apimachinery/clock.ts";
import type { HostPorts } from "../../apimachinery/host-ports.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ImageStore } from "../../images/image-store.ts";
import type { CgroupHost } from "../../linux/cgroups.ts";
import type { System } from "../../linux/system.ts";
import { CriError } from "../runtime.ts";
import type { AddressPool } from "./addresses.ts";
import type { EventHub } from "./event-hub.ts";
import type { ExitWatch } from "./exit-watch.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import type { HostDevice } from "./oci-spec.ts";
import type { Places } from "./places.ts";
import type { PodNetworkTable } from "./pod-network.ts";
import type { ContainerRecord, Records, SandboxRecord } from "./records.ts";

/** What the parts of the runtime share. */
export interface Engine {
  readonly rootDirectory: string;
  readonly places: Places;
  /** Resolves when the folder of what a reboot ends is there; undefined when it was there before. */
  readonly placesReady: Promise<void> | undefined;
  readonly interfacePrefix: string;
  readonly seccompDirectory: string;
  readonly mtu: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly images: ImageStore;
  readonly hostPorts: HostPorts | undefined;
  readonly system: System;
  readonly cgroups: CgroupHost;
  readonly oci: OciRuntime;
  readonly conmon: string;
  readonly addresses: AddressPool;
  readonly network: PodNetworkTable;
  /** Resolves when the host side of the pod network is there. */
  readonly networkReady: Promise<void>;
  readonly sandboxes: Records<SandboxRecord>;
  readonly containers: Records<ContainerRecord>;
  readonly events: EventHub;
  /** Watches for exits; it keeps this process alive only while someone waits for one. */
  readonly exitWatch: ExitWatch;
  readonly facts: {
    readonly openFiles: { readonly soft: number; readonly hard: number };
    readonly oomScoreAdjMin: number;
    /** Read when first needed: few pods ask for devices. */
    devices(): readonly HostDevice[];
  };
}

/** Sixty-four hexadecimal digits, as other runtimes have them. */
export function newId(random: Random): string {
  return (random.uuid() + random.uuid()).replaceAll("-", "");
}

export function requireSandbox(engine: Engine, id: string): SandboxRecord {
  const record = engine.sandboxes.get(id);
  if (record === undefined) throw new CriError("notFound", `sandbox "${id}": not found`);
  return record;
}

export function requireContainer(engine: Engine, id: string): ContainerRecord {
  const record = engine.containers.get(id);
  if (record === undefined) throw new CriError("notFound", `container "${id}": not found`);
  return record;
}

/** `/sampan0/burstable/podUID`: the pod's place in the tree of control groups. */
export function podCgroupPath(prefix: string, qosClass: string, uid: string): string {
  const folder = qosClass === "Guaranteed" ? "" : `/${qosClass.toLowerCase()}`;
  return `/${prefix}${folder}/pod${uid}`;
}
