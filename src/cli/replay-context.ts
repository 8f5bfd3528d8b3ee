import { RealClock } from "../apimachinery/clock.ts";
import { StatusError } from "../apimachinery/status.ts";
import { HttpsTransport } from "../client/https-transport.ts";
import {
  loadKubeconfig,
  removeContext,
  resolveContext,
  useContext,
  writeContext,
} from "../client/kubeconfig.ts";
import { ConnectionError } from "../client/server-answer.ts";
import { CommandError } from "./command.ts";

/** The contexts of replays are named for what they show: `replay@57`, `replay@2026-01-01T00:05:00Z`. */
const prefix = "replay@";

export const replayContext = (at: string | number): string => `${prefix}${at}`;

/** What kubectl asks for what was at that moment. */
export const replayUrl = (server: string, at: string | number): string => `${server}/at/${at}`;

/** Sets kubectl to another moment of the replay that runs; answers the context's name. */
export async function switchTo(file: string, at: string): Promise<string> {
  const { contexts, clusters, users, currentContext } = loadKubeconfig([file]);
  const names = [...contexts.keys()].filter((name) => name.startsWith(prefix));
  const known = names.includes(currentContext) ? currentContext : names.at(-1);
  const server = known === undefined ? undefined : clusters.get(known)?.server?.replace(/\/at\/.*$/, "");
  if (known === undefined || server === undefined) {
    throw new CommandError(`no replay has its context in ${file}`, {
      remedy: "start one with: sampan replay FILE",
    });
  }
  const decode = (data: string | undefined): string => Buffer.from(data ?? "", "base64").toString("utf8");
  const user = users.get(known);
  const name = replayContext(at);
  const url = replayUrl(server, encodeURIComponent(at));
  await check(
    url,
    resolveContext({ contexts, clusters, users, currentContext }, { context: known }).transport,
  );
  writeContext(file, {
    name,
    server: url,
    ca: decode(clusters.get(known)?.["certificate-authority-data"]),
    clientCertificate: decode(user?.["client-certificate-data"]),
    clientKey: decode(user?.["client-key-data"]),
  });
  return name;
}

async function check(url: string, options: ConstructorParameters<typeof HttpsTransport>[0]): Promise<void> {
  const transport = new HttpsTransport({ ...options, server: url, clock: new RealClock() });
  try {
    await transport.request({ method: "GET", path: "/version" });
  } catch (error) {
    if (error instanceof StatusError) {
      throw new CommandError(error.message, {
        remedy: "sampan replay FILE --list shows what there is",
        cause: error,
      });
    }
    if (error instanceof ConnectionError) {
      throw new CommandError("the replay has ended", {
        remedy: "start it again with: sampan replay FILE",
        cause: error,
      });
    }
    throw error;
  } finally {
    transport.close();
  }
}

/** Takes every context of the server out of the file, and makes the one of before the current one again. */
export function endContexts(file: string, server: string, before: string): void {
  const { contexts, clusters, currentContext } = loadKubeconfig([file]);
  const own = [...contexts.keys()].filter(
    (name) => name.startsWith(prefix) && clusters.get(name)?.server?.startsWith(`${server}/at/`) === true,
  );
  for (const name of own) removeContext(file, name);
  if (own.includes(currentContext)) useContext(file, before);
}
