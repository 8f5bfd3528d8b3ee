import type { ServiceCIDR } from "../api/types/networking-v1.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../apimachinery/status.ts";
import type { Client, ResourceClient } from "../client/client.ts";
import { resources } from "../client/resources.ts";

const name = "kubernetes";
const readyMessage = "Kubernetes default Service CIDR is ready";

/** The first address of a range of Services: the API server's. */
export const apiAddressIn = (range: string): string => addressIn(range, 1);

/** Where DNS is by custom, in a range of Services. */
export const dnsAddressIn = (range: string): string => addressIn(range, 10);

const addressIn = (range: string, last: number): string => range.replace(/\.\d+\/\d+$/, `.${last}`);

/**
 * Says which addresses Services get, and that they may be had. Nothing in a start waits for it. Mirrors
 * pkg/controlplane/controller/defaultservicecidr.
 */
export async function publishServiceRange(
  client: Client,
  range: string,
  lastTransitionTime: string,
): Promise<void> {
  const published = await getOrCreate(client.resource(resources.servicecidrs), range);
  const { cidrs = [] } = published.spec;
  const conditions = published.status?.conditions ?? [];
  // Who says that it is not ready knows why.
  const isTold = conditions.some(({ type, status }) => type === "Ready" && status !== "Unknown");
  if (isTold || cidrs.length !== 1 || cidrs[0] !== range) return;
  const ready = { type: "Ready", status: "True", reason: "", message: readyMessage, lastTransitionTime };
  try {
    await client
      .resource(resources.servicecidrs)
      .updateStatus({ ...published, status: { conditions: [ready] } });
  } catch (error) {
    // The controller of ranges was faster, and says the same.
    if (!isConflict(error)) throw error;
  }
}

async function getOrCreate(ranges: ResourceClient<ServiceCIDR>, range: string): Promise<ServiceCIDR> {
  try {
    return await ranges.get(name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    return await ranges.create({
      apiVersion: "networking.k8s.io/v1",
      kind: "ServiceCIDR",
      metadata: { name },
      spec: { cidrs: [range] },
    });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return await ranges.get(name);
  }
}
