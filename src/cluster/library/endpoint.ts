import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeContext } from "../../client/kubeconfig.ts";
import type { Pki } from "../../pki/index.ts";

/** Where programs of other languages reach a cluster. */
export interface Endpoint {
  readonly url: string;
  /** The path of a kubeconfig for the administrator; written anew when his certificate is renewed. */
  readonly kubeconfig: string;
  /** What stands in it. */
  readonly text: string;
}

/** Writes the administrator's kubeconfig into the folder, in place of one that is there. */
export function writeEndpoint(folder: string, url: string, { authority, admin }: Pki): Endpoint {
  const kubeconfig = join(folder, "kubeconfig");
  writeContext(kubeconfig, {
    name: "sampan",
    server: url,
    ca: authority.certificate,
    clientCertificate: admin.certificate,
    clientKey: admin.key,
  });
  return { url, kubeconfig, text: readFileSync(kubeconfig, "utf8") };
}
