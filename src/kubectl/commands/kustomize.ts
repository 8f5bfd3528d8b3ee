import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { printYaml } from "../../apimachinery/yaml.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { buildKustomization } from "../kustomize/build.ts";

/** Flags of functions and charts, which this client does not run. */
const refused = ["as-current-user", "enable-alpha-plugins", "enable-helm", "network"] as const;

export const kustomizeCommand: KubectlCommand = {
  usage: "DIR [flags] [options]",
  summary: "Build a kustomization target from a directory or URL",
  flags: {
    "as-current-user": { type: "bool", help: "not supported" },
    "enable-alpha-plugins": { type: "bool", help: "not supported" },
    "enable-helm": { type: "bool", help: "not supported" },
    env: { type: "array", short: "e", help: "accepted; no functions are run" },
    "helm-api-versions": { type: "array", help: "accepted" },
    "helm-command": { type: "string", default: "helm", help: "accepted" },
    "helm-debug": { type: "bool", help: "accepted" },
    "helm-kube-version": { type: "string", help: "accepted" },
    "load-restrictor": { type: "string", default: "LoadRestrictionsRootOnly", help: "only this" },
    mount: { type: "array", help: "accepted; no functions are run" },
    network: { type: "bool", help: "not supported" },
    "network-name": { type: "string", default: "bridge", help: "accepted" },
    output: { type: "string", short: "o", help: "write to this file, or into this folder" },
  },
  run: kustomize,
};

function kustomize({ args, flags, io }: CommandContext): Promise<void> {
  for (const name of refused) {
    if (flags.bool(name)) throw new KubectlError(`--${name} is not supported by this client`);
  }
  if (args.length > 1) throw new KubectlError(`specify one path to kustomization.yaml`);
  const objects = buildKustomization(args[0] ?? ".", (text) => io.err(text));
  const output = flags.string("output");
  const text = objects.map(printYaml).join("---\n");
  if (output === "") io.out(text);
  else if (statSync(output, { throwIfNoEntry: false })?.isDirectory() !== true) writeFileSync(output, text);
  else {
    for (const object of objects) {
      const { kind, apiVersion, metadata } = object;
      const name = `${apiVersion.replace("/", "_")}_${kind}_${metadata.name ?? ""}.yaml`.toLowerCase();
      writeFileSync(join(output, name), printYaml(object));
    }
  }
  return Promise.resolve();
}
