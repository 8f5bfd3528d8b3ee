import { request } from "node:https";
import type { Credential } from "../../pki/index.ts";
import type { Cluster } from "../cluster.ts";

/** Who the server takes a client for. */
export interface SeenUser {
  readonly username?: string;
  readonly groups?: readonly string[];
}

/** Who the server takes a client for that shows the certificate and sends the headers; the code where it refuses it. */
export function whoAmI(
  { cluster, port }: { readonly cluster: Cluster; readonly port: number },
  credential: Credential,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<SeenUser | number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port,
        path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        method: "POST",
        ca: cluster.pki.authority.certificate,
        cert: credential.certificate,
        key: credential.key,
        agent: false,
        headers: { "content-type": "application/json", ...headers },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          const answer = JSON.parse(text) as { code?: number; status?: { userInfo?: SeenUser } };
          resolve(answer.status?.userInfo ?? answer.code);
        });
      },
    );
    asked.on("error", reject);
    asked.end('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}');
  });
}
