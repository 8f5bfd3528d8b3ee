import type { Site } from "./site.ts";

/** Of an AdmissionReview, what is read here. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly object: Site;
  readonly oldObject?: Site | null;
}

/** The JSON patch that fills in what a Site leaves out. */
export function defaultsFor({ metadata, spec }: Site): { op: "add"; path: string; value: unknown }[] {
  return [
    ...(spec.host === undefined ? [add("/spec/host", `${metadata.name}.example.com`)] : []),
    ...(spec.replicas === undefined ? [add("/spec/replicas", 2)] : []),
  ];
}

/**
 * What is wrong with a Site, in words for whoever applied it. What was there before the webhooks has no host, and must still
 * be let change: or its finalizer could never be removed.
 */
export function problemsOf({ spec: { host } }: Site, old: Site | null | undefined): string[] {
  const problems: string[] = [];
  if (host !== undefined && !/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host)) {
    problems.push(`spec.host: "${host}" is no host name`);
  }
  if (old?.spec.host !== undefined && old.spec.host !== host) {
    problems.push(`spec.host: cannot be changed from "${old.spec.host}"; make a new Site instead`);
  }
  return problems;
}

/** Answers a review, for the path that it was sent to. */
export function review(path: string, request: AdmissionRequest): object {
  const { uid, object, oldObject } = request;
  if (path === "/default") {
    const patch = Buffer.from(JSON.stringify(defaultsFor(object))).toString("base64");
    return { uid, allowed: true, patchType: "JSONPatch", patch };
  }
  const problems = problemsOf(object, oldObject);
  if (problems.length === 0) return { uid, allowed: true };
  return { uid, allowed: false, status: { code: 422, message: problems.join("; ") } };
}

const add = (path: string, value: unknown): { op: "add"; path: string; value: unknown } => ({
  op: "add",
  path,
  value,
});
