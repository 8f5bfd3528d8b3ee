import { hostname } from "node:os";
import { join } from "node:path";
import { defaultName } from "./instance.ts";

/** The instance's own kubeconfig, which `up` merges into the user's. */
export const kubeconfigFile = (directory: string): string => join(directory, "kubeconfig");

/** Which files of the user's hold its context too. */
export const notedKubeconfigsFile = (directory: string): string => join(directory, "kubeconfigs.json");

/** The context of the default cluster is `sampan`, of others `sampan-NAME`. */
export const contextName = (name: string): string =>
  name === defaultName ? defaultName : `${defaultName}-${name}`;

/** node-1, node-2 and so on; the first has index 0. */
export const nthNodeName = (index: number): string => `node-${index + 1}`;

/** The simulated nodes of an instance: one where nobody has said how many. */
export const simulatedNodeNames = (nodes: number | undefined): string[] =>
  nodes === undefined ? ["simulated"] : Array.from({ length: nodes }, (_, index) => nthNodeName(index));

/** The name of this machine's node. */
export const localNodeName = (): string =>
  hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-");
