import { createHmac } from "node:crypto";
import type { ConfigMap, Secret } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";

const secretType = "bootstrap.kubernetes.io/token";
const selection = { namespace: "kube-system", fieldSelector: `type=${secretType}` };
const infoName = "cluster-info";
const infoNamespace = "kube-public";
const signaturePrefix = "jws-kubeconfig-";

/** Deletes bootstrap tokens whose time is over. (Mirrors pkg/controller/bootstrap/tokencleaner.go.) */
export const tokenCleanerController: ControllerRegistration = {
  name: "token-cleaner-controller",
  setup({ client, informers, clock }) {
    const secrets = informers.informer(resources.secrets, selection);
    return {
      watches: [watch(secrets, enqueueSelf)],
      async reconcile(key) {
        const secret = secrets.getByKey(key);
        if (secret === undefined || secret.type !== secretType) return undefined;
        const expiration = field(secret, "expiration");
        if (expiration === "") return undefined;
        const endMs = Date.parse(expiration);
        // A time that cannot be read has passed: such a token is not accepted either.
        const leftMs = Number.isNaN(endMs) ? 0 : endMs - clock.now();
        if (leftMs > 0) return { requeueAfterMs: leftMs };
        const { name = "", namespace, uid = "" } = secret.metadata;
        try {
          await client.resource(resources.secrets).delete(name, { namespace, preconditions: { uid } });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return undefined;
      },
    };
  },
};

/**
 * Signs the kubeconfig of `kube-public/cluster-info` with each bootstrap token that may be used for it, so that a new
 * node can tell that it talks to the right cluster. (Mirrors pkg/controller/bootstrap/bootstrapsigner.go.)
 */
export const bootstrapSignerController: ControllerRegistration = {
  name: "bootstrap-signer-controller",
  setup({ client, informers, clock }) {
    const secrets = informers.informer(resources.secrets, selection);
    const infos = informers.informer(resources.configmaps, { namespace: infoNamespace });
    return {
      watches: [
        watch(secrets, () => [infoName]),
        watch(infos, ({ metadata }) => (metadata.name === infoName ? [infoName] : [])),
      ],
      async reconcile() {
        const info = infos.get(infoName, infoNamespace);
        if (info === undefined) return;
        const data = signed(info, secrets.list(), clock.now());
        if (deepEqual(data, info.data ?? {})) return;
        try {
          await client.resource(resources.configmaps).update({ ...info, data });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      },
    };
  },
};

function signed(info: ConfigMap, secrets: readonly Secret[], nowMs: number): Record<string, string> {
  const data = Object.fromEntries(
    Object.entries(info.data ?? {}).filter(([key]) => !key.startsWith(signaturePrefix)),
  );
  const content = data["kubeconfig"];
  if (content === undefined) return data;
  for (const secret of secrets) {
    const [id, password] = [field(secret, "token-id"), field(secret, "token-secret")];
    if (!maySign(secret, id, nowMs) || password === "") continue;
    data[signaturePrefix + id] = detachedSignature(content, id, password);
  }
  return data;
}

function maySign(secret: Secret, id: string, nowMs: number): boolean {
  const expiration = field(secret, "expiration");
  return (
    secret.type === secretType &&
    !isBeingDeleted(secret) &&
    secret.metadata.name === `bootstrap-token-${id}` &&
    field(secret, "usage-bootstrap-signing") === "true" &&
    (expiration === "" || Date.parse(expiration) > nowMs)
  );
}

/** A JSON Web Signature whose content is left out: it stands beside it. */
function detachedSignature(content: string, id: string, password: string): string {
  const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: id })).toString("base64url");
  const payload = Buffer.from(content).toString("base64url");
  const signature = createHmac("sha256", password).update(`${header}.${payload}`).digest("base64url");
  return `${header}..${signature}`;
}

const field = ({ data }: Secret, key: string): string => Buffer.from(data?.[key] ?? "", "base64").toString();
