import type { KubernetesObject } from "../apimachinery/object.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { ResourceReference } from "../client/client.ts";
import type { ControllerContext } from "./controller.ts";

export const hasFinalizer = ({ metadata }: KubernetesObject, finalizer: string): boolean =>
  metadata.finalizers?.includes(finalizer) === true;

/** Does nothing where it is there already, or the object is gone. */
export async function addFinalizer<T extends KubernetesObject>(
  context: Pick<ControllerContext, "client">,
  reference: ResourceReference<T>,
  object: T,
  finalizer: string,
): Promise<void> {
  if (hasFinalizer(object, finalizer)) return;
  await setFinalizers(context, reference, object, [...(object.metadata.finalizers ?? []), finalizer]);
}

/** Does nothing where it is not there, or the object is gone. */
export async function removeFinalizer<T extends KubernetesObject>(
  context: Pick<ControllerContext, "client">,
  reference: ResourceReference<T>,
  object: T,
  finalizer: string,
): Promise<void> {
  if (!hasFinalizer(object, finalizer)) return;
  const others = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  await setFinalizers(context, reference, object, others);
}

async function setFinalizers<T extends KubernetesObject>(
  context: Pick<ControllerContext, "client">,
  reference: ResourceReference<T>,
  object: T,
  finalizers: string[],
): Promise<void> {
  try {
    await context.client
      .resource(reference)
      .update({ ...object, metadata: { ...object.metadata, finalizers } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
