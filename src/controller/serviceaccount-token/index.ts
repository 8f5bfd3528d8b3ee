import type { Secret, ServiceAccount } from "../../api/types/core-v1.ts";
import { isBeingDeleted, type KubernetesObject, keyOf } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";

const secretType = "kubernetes.io/service-account-token";
const nameAnnotation = "kubernetes.io/service-account.name";
const uidAnnotation = "kubernetes.io/service-account.uid";

/** Makes tokens that have no end, for Secrets that ask for one. */
export interface LegacyTokenIssuer {
  issueLegacy(serviceAccount: KubernetesObject, secret: KubernetesObject): string;
}

/**
 * Fills Secrets of type kubernetes.io/service-account-token, and deletes those of accounts that are gone. Keys are
 * Secrets. (Mirrors pkg/controller/serviceaccount/tokens_controller.go.)
 */
export function serviceAccountTokenController(
  issuer: LegacyTokenIssuer,
  authorityPem: () => string,
): ControllerRegistration {
  return {
    name: "serviceaccount-token-controller",
    setup(context) {
      // As with the ConfigMaps of the authority: renewed, it is found by the controller that is begun anew.
      const caPem = authorityPem();
      const accounts = context.informers.informer(resources.serviceaccounts);
      const secrets = context.informers.informer(resources.secrets, { fieldSelector: `type=${secretType}` });
      secrets.addIndex("account", (secret) => [accountKeyOf(secret)]);
      return {
        watches: [
          watch(secrets, enqueueSelf),
          watch(accounts, (account) => secrets.byIndex("account", keyOf(account)).map(keyOf)),
        ],
        async reconcile(key) {
          const secret = secrets.getByKey(key);
          if (secret === undefined || secret.type !== secretType || isBeingDeleted(secret)) return;
          const cached = accounts.getByKey(accountKeyOf(secret));
          const account =
            cached !== undefined && isTokenOf(secret, cached) ? cached : await liveAccount(context, secret);
          if (account === undefined || !isTokenOf(secret, account)) await remove(context, secret);
          else await fill(context, issuer, caPem, secret, account);
        },
      };
    },
  };
}

const accountKeyOf = ({ metadata }: Secret): string =>
  `${metadata.namespace}/${metadata.annotations?.[nameAnnotation] ?? ""}`;

function isTokenOf({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata.annotations?.[uidAnnotation] ?? "";
  return uid === "" || uid === account.metadata.uid;
}

/** An account that was just made, or made anew, may not be in the cache; its Secret must not be deleted for that. */
async function liveAccount(
  { client }: ControllerContext,
  { metadata }: Secret,
): Promise<ServiceAccount | undefined> {
  const name = metadata.annotations?.[nameAnnotation] ?? "";
  if (name === "") return undefined;
  try {
    return await client.resource(resources.serviceaccounts).get(name, { namespace: metadata.namespace });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function remove({ client }: ControllerContext, { metadata }: Secret): Promise<void> {
  const { name = "", namespace, uid = "" } = metadata;
  try {
    await client.resource(resources.secrets).delete(name, { namespace, preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function fill(
  { client }: ControllerContext,
  issuer: LegacyTokenIssuer,
  caPem: string,
  secret: Secret,
  account: ServiceAccount,
): Promise<void> {
  const { name = "", namespace = "", uid = "" } = account.metadata;
  const data = { ...secret.data };
  const ca = encode(caPem);
  const complete =
    data["ca.crt"] === ca &&
    (data["namespace"] ?? "") !== "" &&
    (data["token"] ?? "") !== "" &&
    secret.metadata.annotations?.[uidAnnotation] === uid;
  if (complete) return;
  data["ca.crt"] = ca;
  if ((data["namespace"] ?? "") === "") data["namespace"] = encode(namespace);
  if ((data["token"] ?? "") === "") data["token"] = encode(issuer.issueLegacy(account, secret));
  const annotations = {
    ...secret.metadata.annotations,
    [nameAnnotation]: name,
    [uidAnnotation]: uid,
  };
  try {
    await client
      .resource(resources.secrets)
      .update({ ...secret, metadata: { ...secret.metadata, annotations }, data });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

const encode = (text: string): string => Buffer.from(text).toString("base64");
