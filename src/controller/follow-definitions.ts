import type { KubernetesList } from "../apimachinery/object.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { ControllerContext } from "./controller.ts";

const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** That there is another one is all there is to know. */
const accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/** A watch that ends is begun anew after so long; what it missed meanwhile is found by looking again. */
const pauseMs = 1_000;
/** Definitions come in dozens: they are heard of together. */
const gatherMs = 200;

const ignore = (): undefined => undefined;

/** A list with one of them, if there is any. */
async function anyDefinition(transport: Transport, signal: AbortSignal): Promise<KubernetesList> {
  const { body } = await transport.request({
    method: "GET",
    path,
    accept: accept.replace("PartialObjectMetadata", "PartialObjectMetadataList"),
    query: { limit: "1" },
    signal,
  });
  return body as KubernetesList;
}

/** Whether there are definitions of custom resources, as far as the server says. */
export async function hasDefinitions({
  client,
  signal,
}: Pick<ControllerContext, "client" | "signal">): Promise<boolean> {
  try {
    return (await anyDefinition(client.transport, signal)).items.length > 0;
  } catch {
    return false;
  }
}

/**
 * Calls back when definitions of custom resources have come, changed or gone, until the controller ends. They are not
 * kept: a definition is large, and of interest is only that there is another one. A server without definitions is asked
 * again from time to time.
 */
export async function followDefinitions(
  { client, clock, signal }: Pick<ControllerContext, "client" | "clock" | "signal">,
  changed: () => void,
): Promise<void> {
  const { transport } = client;
  let isGathering = false;
  const gather = (): void => {
    if (isGathering) return;
    isGathering = true;
    void clock.sleep(gatherMs, signal).then(() => {
      isGathering = false;
      if (!signal.aborted) changed();
    }, ignore);
  };
  while (!signal.aborted) {
    try {
      const { metadata } = await anyDefinition(transport, signal);
      const { resourceVersion = "" } = metadata;
      gather();
      for await (const _ of transport.watch({ path, accept, query: { resourceVersion }, signal })) gather();
    } catch {
      // Whatever it was, it is asked again below.
    }
    await clock.sleep(pauseMs, signal).catch(ignore);
  }
}
