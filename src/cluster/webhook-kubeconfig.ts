import { dirname, resolve } from "node:path";
import { isObject } from "../apimachinery/json.ts";
import { parseYaml, printYaml } from "../apimachinery/yaml.ts";
import { loadKubeconfig, resolveContext } from "../client/kubeconfig.ts";

/** The members of a kubeconfig's clusters and users that are paths. */
const pathMembers = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/** The kubeconfig of a server that ours asks or tells, usable from any folder: its paths are made absolute. Throws when it is not one. */
export function checkWebhookKubeconfig(text: string, file: string): string {
  resolveContext(loadKubeconfig([file]));
  const config = parseYaml(text);
  if (!isObject(config)) return text;
  const entries = [config["clusters"], config["users"]].filter(Array.isArray).flat().filter(isObject);
  for (const entry of entries) {
    for (const holder of [entry["cluster"], entry["user"]].filter(isObject)) {
      for (const member of pathMembers) {
        const path = holder[member];
        if (typeof path === "string" && path !== "") holder[member] = resolve(dirname(file), path);
      }
    }
  }
  return printYaml(config);
}
