import { readFileSync } from "node:fs";
import { kubeconfigPathToWrite, loadKubeconfig, writeContext } from "../client/kubeconfig.ts";
import type { Instance } from "../cluster/instance.ts";
import { noteKubeconfig } from "../cluster/kubeconfig-files.ts";
import { contextName, kubeconfigFile } from "../cluster/names.ts";
import { type Command, CommandError, nameOption, text } from "./command.ts";
import { requireInstance } from "./instances.ts";
import { contextNameIn } from "./own-context.ts";

export const kubeconfigCommand: Command = {
  name: "kubeconfig",
  usage: "kubeconfig [--merge] [--name NAME]",
  summary: "print the cluster's kubeconfig, or merge it into yours",
  description:
    "Prints a kubeconfig that gives full rights over the cluster: treat it as a secret.\nWith --merge, writes its context into $KUBECONFIG or ~/.kube/config and makes it the current one.",
  options: {
    name: nameOption,
    merge: { type: "boolean", description: "write the context into your own kubeconfig" },
  },
  examples: ["sampan kubeconfig > admin.conf", "sampan kubeconfig --merge --name ci"],
  maxArguments: 0,
  async run(options, _positionals, io) {
    const instance = requireInstance(text(options, "name"));
    if (options["merge"] === true) {
      const { name, file } = mergeInstanceContext(instance, io.environment);
      io.out(`kubectl is set to context "${name}" in ${file}.\n`);
    } else io.out(readOwn(instance));
    return 0;
  },
};

function readOwn(instance: Instance): string {
  try {
    return readFileSync(kubeconfigFile(instance.directory), "utf8");
  } catch (cause) {
    throw new CommandError(`cluster "${instance.name}" has no kubeconfig yet`, {
      remedy: `it is written at the first start: sampan up --name ${instance.name}`,
      cause,
    });
  }
}

/** Writes the instance's context into the user's kubeconfig. */
export function mergeInstanceContext(
  instance: Instance,
  environment: NodeJS.ProcessEnv,
): { name: string; file: string } {
  readOwn(instance);
  const own = loadKubeconfig([kubeconfigFile(instance.directory)]);
  const cluster = own.clusters.get(contextName(instance.name));
  const user = own.users.get(contextName(instance.name));
  const decode = (data: string | undefined): string => Buffer.from(data ?? "", "base64").toString("utf8");
  const file = kubeconfigPathToWrite(environment);
  let name: string;
  try {
    name = contextNameIn(loadKubeconfig([file]), instance);
    writeContext(file, {
      name,
      server: cluster?.server ?? "",
      ca: decode(cluster?.["certificate-authority-data"]),
      clientCertificate: decode(user?.["client-certificate-data"]),
      clientKey: decode(user?.["client-key-data"]),
    });
    noteKubeconfig(instance.directory, file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`kubectl could not be pointed at cluster "${instance.name}": ${why}`, {
      remedy: `mend ${file} and run: sampan kubeconfig --merge --name ${instance.name}\nor keep it apart: sampan kubeconfig --name ${instance.name} > FILE`,
      cause,
    });
  }
  return { name, file };
}
