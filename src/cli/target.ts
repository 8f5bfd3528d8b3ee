import { RealClock } from "../apimachinery/clock.ts";
import { StatusError } from "../apimachinery/status.ts";
import { type Client, newClient } from "../client/client.ts";
import { HttpsTransport } from "../client/https-transport.ts";
import { KubeconfigError, kubeconfigPaths, loadKubeconfig, resolveContext } from "../client/kubeconfig.ts";
import { ConnectionError } from "../client/server-answer.ts";
import { contextName, kubeconfigFile } from "../cluster/names.ts";
import { CommandError, type Io, type OptionSpec, type OptionValues, text, usageExitCode } from "./command.ts";
import { requireInstance } from "./instances.ts";

/** Options of commands that look into a cluster, ours or any other, as kubectl takes them. */
export const targetOptions: Readonly<Record<string, OptionSpec>> = {
  namespace: {
    type: "string",
    short: "n",
    value: "NAME",
    description: "the namespace (default: that of the context)",
  },
  name: {
    type: "string",
    value: "NAME",
    description: "ask this cluster of sampan's; without it, the one kubectl asks",
  },
  context: { type: "string", value: "NAME", description: "the context of the kubeconfig" },
  kubeconfig: {
    type: "string",
    value: "FILE",
    description: "the kubeconfig (default: $KUBECONFIG or ~/.kube/config)",
  },
};

/** A cluster to look into. */
export interface Target {
  readonly client: Client;
  readonly namespace: string;
}

/** Opens the cluster that the options name, and turns what goes wrong with it into messages. */
export async function withTarget<T>(
  options: OptionValues,
  io: Io,
  use: (target: Target) => Promise<T>,
): Promise<T> {
  const { namespace, transport: settings } = contextOf(options, io);
  const transport = new HttpsTransport({ ...settings, clock: new RealClock() });
  try {
    const given = text(options, "namespace");
    return await use({ client: newClient(transport), namespace: given === "" ? namespace : given });
  } catch (cause) {
    if (cause instanceof ConnectionError) {
      throw new CommandError(cause.message, {
        remedy: "if it is one of sampan's: sampan status, and sampan up",
        cause,
      });
    }
    if (cause instanceof StatusError)
      throw new CommandError(`the cluster refuses: ${cause.message}`, { cause });
    throw cause;
  } finally {
    transport.close();
  }
}

function contextOf(options: OptionValues, io: Io): ReturnType<typeof resolveContext> {
  const name = text(options, "name");
  const given = text(options, "kubeconfig");
  const context = text(options, "context");
  try {
    if (name !== "") {
      const { directory } = requireInstance(name);
      return resolveContext(loadKubeconfig([kubeconfigFile(directory)]), { context: contextName(name) });
    }
    const kubeconfig = loadKubeconfig(given === "" ? kubeconfigPaths(io.environment) : [given]);
    return resolveContext(kubeconfig, context === "" ? {} : { context });
  } catch (cause) {
    if (!(cause instanceof KubeconfigError)) throw cause;
    throw new CommandError(`no cluster to ask: ${cause.message}`, {
      remedy: "name one of sampan's with --name NAME, or a kubeconfig with --kubeconfig FILE",
      cause,
    });
  }
}

/** `KIND/NAME`, or `KIND NAME`, as kubectl takes both; undefined when nothing is named. */
export function objectOf(
  command: string,
  [first, second]: readonly string[],
): { resource: string; name: string } | undefined {
  if (first === undefined) return undefined;
  const [resource = "", name = "", ...rest] = second === undefined ? first.split("/") : [first, second];
  if (resource !== "" && name !== "" && rest.length === 0) return { resource, name };
  throw new CommandError(
    `sampan ${command}: "${[first, second].filter(Boolean).join(" ")}" does not name an object`,
    {
      remedy: `name it as kubectl does: sampan ${command} deployment/web`,
      exitCode: usageExitCode,
    },
  );
}

/** A kind that nobody serves. */
export const noSuchKind = (resource: string, more = ""): CommandError =>
  new CommandError(`the cluster serves no kind "${resource}"`, {
    remedy: `kubectl api-resources lists them${more === "" ? "" : `; ${more}`}`,
  });
