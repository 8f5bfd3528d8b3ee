import { KubectlError } from "../errors.ts";

/** One side of a copy: a path here, or in a pod. */
export interface FileSpec {
  readonly pod: string;
  /** Empty: that of the command. */
  readonly namespace: string;
  readonly file: string;
}

const wrongForm = "filespec must match the canonical format: [[namespace/]pod:]file/path";

/** `path`, `pod:path`, `namespace/pod:path`; what stands before the first colon is the pod. */
export function parseFileSpec(text: string): FileSpec {
  const colon = text.indexOf(":");
  if (colon < 0) return { pod: "", namespace: "", file: text };
  if (colon === 0) throw new KubectlError(wrongForm);
  const file = text.slice(colon + 1);
  const parts = text.slice(0, colon).split("/");
  if (parts.length > 2) throw new KubectlError(wrongForm);
  const [first = "", second] = parts;
  return second === undefined ? { pod: first, namespace: "", file } : { pod: second, namespace: first, file };
}

/** The path as tar names what lies there: without a beginning of `/` or `../`. */
export function withoutShortcuts(path: string): string {
  const clean = path.replace(/^(?:\.{1,2}\/|\/)+/, "");
  return clean === "." || clean === ".." ? "" : clean;
}
