import { stableStringify } from "../hash.ts";
import { escapeMarkup, isObject } from "../json.ts";
import type { UnstructuredObject } from "../object.ts";

/** The annotation in which client-side `kubectl apply` keeps the configuration that it applied last. */
export const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";

/** All annotations together may not be longer. */
const maxAnnotationsBytes = 256 * 1024;

export function hasLastApplied(object: UnstructuredObject | undefined): boolean {
  return (object?.metadata.annotations?.[lastAppliedAnnotation] ?? "") !== "";
}

/** The configuration in the annotation; undefined when there is none that can be read. */
export function lastAppliedOf(object: UnstructuredObject | undefined): Record<string, unknown> | undefined {
  const text = object?.metadata.annotations?.[lastAppliedAnnotation] ?? "";
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The object with the configuration in its annotation, so that client-side apply can go on from it. */
export function setLastApplied(object: UnstructuredObject, applied: UnstructuredObject): UnstructuredObject {
  const { [lastAppliedAnnotation]: _old, ...given } = applied.metadata.annotations ?? {};
  const { annotations: _annotations, ...rest } = applied.metadata;
  const metadata = Object.keys(given).length === 0 ? rest : { ...rest, annotations: given };
  const text = `${escapeMarkup(stableStringify({ ...applied, metadata }))}\n`;
  const annotations: Record<string, string> = {
    ...object.metadata.annotations,
    [lastAppliedAnnotation]: text,
  };
  const size = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key + value),
    0,
  );
  if (size > maxAnnotationsBytes) delete annotations[lastAppliedAnnotation];
  return { ...object, metadata: { ...object.metadata, annotations } };
}
