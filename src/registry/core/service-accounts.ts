import type { TokenRequest } from "../../api/types/authentication-v1.ts";
import type { Pod, ServiceAccount } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import type { KubernetesObject, UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newConflict, newInvalid } from "../../apimachinery/status.ts";
import type { ServiceAccountTokenIssuer } from "../../apiserver/authentication/service-account-issuer.ts";
import type { RegistryDependencies, ResourceExtension } from "../../apiserver/registry/strategy.ts";
import type { RequestContext } from "../../apiserver/request-context.ts";
import { parseJwt } from "../../pki/index.ts";

const defaultExpirationSeconds = 3600;
const minExpirationSeconds = 600;
const maxExpirationSeconds = 2 ** 32;
/** What the ServiceAccount plugin asks for in pods: such tokens live for a year and warn after an hour. */
const extendableSeconds = 3607;
const extendedSeconds = 365 * 24 * 60 * 60;

/** The object that a token is bound to, and what goes into its claims. */
interface Bound {
  readonly pod?: KubernetesObject;
  readonly secret?: KubernetesObject;
  readonly node?: KubernetesObject;
}

/** POST serviceaccounts/token: a token of the account, bound to a pod, a secret or a node (mirrors serviceaccount/storage/token.go). */
export function serviceAccountsExtension(issuer: () => ServiceAccountTokenIssuer): ResourceExtension {
  return {
    group: "",
    resource: "serviceaccounts",
    setup: (dependencies) => ({
      strategy: { prepareForCreate: keepNamesOfSecrets, prepareForUpdate: keepNamesOfSecrets },
      subresources: {
        token: { create: (context, body) => createToken(issuer(), dependencies, context, body) },
      },
    }),
  };
}

/** Secrets lie in the account's own namespace: all but their names would mislead. */
function keepNamesOfSecrets(_context: RequestContext, object: UnstructuredObject): void {
  const { secrets } = object as ServiceAccount;
  if (secrets !== undefined)
    object["secrets"] = secrets.map(({ name }) => (name === undefined ? {} : { name }));
}

async function createToken(
  issuer: ServiceAccountTokenIssuer,
  dependencies: RegistryDependencies,
  context: RequestContext,
  body: UnstructuredObject,
): Promise<UnstructuredObject> {
  const { namespace, name } = context.info;
  const request = body as unknown as TokenRequest;
  checkName(request, namespace, name);
  const serviceAccount = await dependencies.stores.get(context, "", "serviceaccounts", namespace, name);
  const { uid } = serviceAccount.metadata;
  checkUid(request, name, uid);
  const expirationSeconds = request.spec.expirationSeconds ?? defaultExpirationSeconds;
  const errors = expirationErrors(expirationSeconds);
  if (errors.length > 0) throw newInvalid(tokenRequestKind, "", errors);
  const bound = await boundObject(dependencies, context, request, name);
  const audiences =
    (request.spec.audiences ?? []).length === 0 ? issuer.audiences : (request.spec.audiences ?? []);
  const isForApi = audiences.every((audience) => issuer.audiences.includes(audience));
  const isExtended = bound.pod !== undefined && expirationSeconds === extendableSeconds && isForApi;
  const nowMs = dependencies.nowMs();
  const token = issuer.issue({
    serviceAccount,
    ...bound,
    audiences,
    expirationSeconds: isExtended ? extendedSeconds : expirationSeconds,
    warnAfterSeconds: isExtended ? expirationSeconds : undefined,
  });
  const jti = parseJwt(token)?.claims.jti ?? "";
  context.audit?.annotate("authentication.kubernetes.io/issued-credential-id", `JTI=${jti}`);
  const answer: TokenRequest = {
    ...request,
    metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: formatTime(nowMs) },
    spec: { ...request.spec, audiences: [...audiences], expirationSeconds },
    status: { token, expirationTimestamp: formatTime(nowMs + expirationSeconds * 1000) },
  };
  return answer as unknown as UnstructuredObject;
}

const tokenRequestKind = { group: "authentication.k8s.io", kind: "TokenRequest" };

/** The body may say whose token it asks for, and then says what the path says. */
function checkName({ metadata }: TokenRequest, namespace: string, name: string): void {
  const given = metadata?.name ?? "";
  const givenNamespace = metadata?.namespace ?? "";
  const errors: FieldError[] = [];
  if (given !== "" && given !== name)
    errors.push(invalid("metadata.name", given, "must match the service account name if specified"));
  else if (givenNamespace !== "" && givenNamespace !== namespace) {
    const why = "must match the service account namespace if specified";
    errors.push(invalid("metadata.namespace", givenNamespace, why));
  }
  if (errors.length > 0) throw newInvalid(tokenRequestKind, name, errors);
}

function checkUid({ metadata }: TokenRequest, name: string, uid: string | undefined): void {
  const given = metadata?.uid ?? "";
  if (given === "" || given === uid) return;
  throw newConflict(
    { group: tokenRequestKind.group, resource: tokenRequestKind.kind },
    name,
    `the UID in the token request (${given}) does not match the UID of the service account (${uid})`,
  );
}

function expirationErrors(seconds: number): FieldError[] {
  const where = "spec.expirationSeconds";
  if (seconds < minExpirationSeconds)
    return [invalid(where, seconds, "may not specify a duration less than 10 minutes")];
  if (seconds > maxExpirationSeconds) {
    return [invalid(where, seconds, "may not specify a duration larger than 2^32 seconds")];
  }
  return [];
}

async function boundObject(
  { stores, reader }: RegistryDependencies,
  context: RequestContext,
  { spec }: TokenRequest,
  accountName: string,
): Promise<Bound> {
  const reference = spec.boundObjectRef;
  if (reference === undefined) return {};
  const { apiVersion = "", kind = "", name = "", uid = "" } = reference;
  const { namespace } = context.info;
  const { group, version } = parseApiVersion(apiVersion);
  const read = async (resource: string, where: string): Promise<KubernetesObject> => {
    const object = await stores.get(context, "", resource, where, name);
    if (uid === "" || uid === object.metadata.uid) return object;
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw newConflict({ group, resource: kind }, name, why);
  };
  if (group === "" && kind === "Pod") {
    const pod = (await read("pods", namespace)) as Pod;
    const own = pod.spec?.serviceAccountName ?? "";
    if (own !== accountName) {
      throw newBadRequest(
        `cannot bind token for serviceaccount ${JSON.stringify(accountName)} to pod running with different serviceaccount name.`,
      );
    }
    const nodeName = pod.spec?.nodeName ?? "";
    if (nodeName === "") return { pod };
    // The node is only said, not checked: it may be gone before the pod is.
    const node = reader.get({ group: "", resource: "nodes" }, "", nodeName);
    return { pod, node: node ?? { apiVersion: "v1", kind: "Node", metadata: { name: nodeName } } };
  }
  if (group === "" && kind === "Secret") return { secret: await read("secrets", namespace) };
  if (group === "" && kind === "Node") return { node: await read("nodes", "") };
  throw newBadRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
}
