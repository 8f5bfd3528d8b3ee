/** Ferries: the objects of the operator in `operator/`. */
import { request } from "node:https";
import { expect } from "vitest";
import { eventually, type RunningCluster } from "../e2e/sampan.ts";

export const definition = "ferries.harbor.sampan.dev";

/** What `kubectl get -o json` tells of a ferry in the stored version. */
export interface Ferry {
  readonly apiVersion: string;
  readonly metadata: {
    readonly uid: string;
    readonly generation: number;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly readyBoats?: number;
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string; message: string }[];
  };
}

export async function ferry(cluster: RunningCluster, name: string, version = "v1"): Promise<Ferry> {
  const text = await cluster.kubectl(["get", `ferries.${version}.harbor.sampan.dev`, name, "-o", "json"]);
  return JSON.parse(text) as Ferry;
}

/** A ferry between two places, as YAML. */
export const ferryYaml = (
  name: string,
  spec: string,
  metadata = "",
): string => `apiVersion: harbor.sampan.dev/v1
kind: Ferry
metadata: { name: ${name}${metadata} }
spec: { ${spec} }
`;

/** Resolves when the operator has done what the ferry asks for now. */
export async function reconciled(cluster: RunningCluster, name: string): Promise<Ferry> {
  return await eventually(async () => {
    const found = await ferry(cluster, name);
    expect(found.status?.observedGeneration).toBe(found.metadata.generation);
    expect(found.status?.conditions).toMatchObject([{ type: "Ready", status: "True" }]);
    return found;
  });
}

/** Ferries that must not be, and what `kubectl apply` says about each. */
export const refusals: readonly (readonly [claim: string, yaml: string, said: string])[] = [
  [
    "by the webhook",
    ferryYaml("bad", "route: { from: Atlantis, to: atlantis }"),
    'The Ferry "bad" is invalid: \n* spec.route.from: Invalid value: "Atlantis": has sunk\n* spec.route.to: Invalid value: "atlantis": has sunk\n',
  ],
  [
    "by the schema",
    ferryYaml("bad", "boats: 21, route: { from: a, to: b }"),
    'The Ferry "bad" is invalid: spec.boats: Invalid value: 21: spec.boats in body should be less than or equal to 20\n',
  ],
  [
    "by a rule",
    ferryYaml("bad", "route: { from: a, to: a }"),
    'The Ferry "bad" is invalid: spec.route.to: Invalid value: a ferry goes somewhere else\n',
  ],
  [
    "by the conversion that a webhook of the new version needs",
    `apiVersion: harbor.sampan.dev/v1beta1
kind: Ferry
metadata: { name: bad }
spec: { line: nowhere }
`,
    'Warning: harbor.sampan.dev/v1beta1 Ferry is deprecated; use harbor.sampan.dev/v1\nError from server (InternalError): error when creating "STDIN": Internal error occurred: Internal error occurred: conversion webhook for harbor.sampan.dev/v1beta1, Kind=Ferry failed: line "nowhere" is not written FROM-TO\n',
  ],
];

/** How a server whose certificate nobody knows answers. */
export function answerOf(url: string, token?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    request(url, { rejectUnauthorized: false, headers, agent: false, timeout: 5000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .once("error", reject)
      .end();
  });
}
