import type { Secret, ServiceAccount } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { watch } from "../watch.ts";
import { podSecretNames } from "./pod-secrets.ts";

const secretType = "kubernetes.io/service-account-token";
const nameAnnotation = "kubernetes.io/service-account.name";
const uidAnnotation = "kubernetes.io/service-account.uid";
const lastUsedLabel = "kubernetes.io/legacy-token-last-used";
const invalidSinceLabel = "kubernetes.io/legacy-token-invalid-since";
/** The API server says here since when it has written down which tokens are used. */
const tracking = { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" };

const dayMs = 86_400_000;
const unusedForMs = 365 * dayMs;
const everyMs = dayMs;

/**
 * Takes tokens without an end out of use that an account lists, that no pod mounts and that nobody has used for a year:
 * they are marked invalid first, and deleted after another year. (Mirrors
 * pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go.)
 */
export const legacyTokenCleanerController: ControllerRegistration = {
  name: "legacy-serviceaccount-token-cleaner-controller",
  setup(context) {
    const { informers, clock, logger } = context;
    const accounts = informers.informer(resources.serviceaccounts);
    const secrets = informers.informer(resources.secrets, { fieldSelector: `type=${secretType}` });
    const pods = informers.informer(resources.pods);

    const isAutomatic = (secret: Secret): boolean => {
      const { namespace = "", annotations = {} } = secret.metadata;
      const account = accounts.get(annotations[nameAnnotation] ?? "", namespace);
      return account !== undefined && lists(account, secret);
    };
    const isMounted = ({ metadata }: Secret): boolean =>
      pods
        .list()
        .some(
          (pod) =>
            pod.metadata.namespace === metadata.namespace && podSecretNames(pod).has(metadata.name ?? ""),
        );

    return {
      // The first Secret starts a round; each round asks for the next.
      watches: [watch(secrets, () => ["tokens"])],
      async reconcile() {
        const nowMs = clock.now();
        const since = await trackedSinceMs(context);
        if (since === undefined || nowMs < since + unusedForMs) return { requeueAfterMs: everyMs };
        for (const secret of secrets.list()) {
          if (!isUnused(secret, nowMs) || !isAutomatic(secret) || isMounted(secret)) continue;
          try {
            await retire(context, secret, nowMs);
          } catch (error) {
            if (!isNotFound(error) && !isConflict(error)) throw error;
            logger.debug("a token has changed meanwhile", { secret: keyOf(secret) });
          }
        }
        return { requeueAfterMs: everyMs };
      },
    };
  },
};

async function retire({ client }: ControllerContext, { metadata }: Secret, nowMs: number): Promise<void> {
  const { name = "", namespace, uid = "", resourceVersion = "", labels = {} } = metadata;
  const invalidSince = labels[invalidSinceLabel] ?? "";
  if (!isDate(invalidSince)) {
    const marked = { metadata: { uid, labels: { [invalidSinceLabel]: dateOf(nowMs) } } };
    await client.resource(resources.secrets).patch(name, marked, { namespace, type: "merge" });
  } else if (invalidSince < dateOf(nowMs - unusedForMs)) {
    await client.resource(resources.secrets).delete(name, { namespace, preconditions: { resourceVersion } });
  }
}

const dateOf = (ms: number): string => formatTime(ms).slice(0, 10);
const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));

/** The day after tracking began: what was used on that day before it did is not known. */
async function trackedSinceMs({ client }: ControllerContext): Promise<number | undefined> {
  try {
    const { name, namespace } = tracking;
    const { data = {} } = await client.resource(resources.configmaps).get(name, { namespace });
    const since = data["since"] ?? "";
    return isDate(since) ? Date.parse(since) + dayMs : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Old enough, and not used since; a label that cannot be read keeps the token. */
function isUnused(secret: Secret, nowMs: number): boolean {
  const { creationTimestamp = "", labels = {} } = secret.metadata;
  const createdMs = Date.parse(creationTimestamp);
  if (isBeingDeleted(secret) || !(createdMs < nowMs - unusedForMs)) return false;
  const lastUsed = labels[lastUsedLabel];
  return lastUsed === undefined || (isDate(lastUsed) && lastUsed < dateOf(nowMs - unusedForMs));
}

/** Accounts list only tokens that were made for them unasked. */
function lists(account: ServiceAccount, { metadata }: Secret): boolean {
  const uid = metadata.annotations?.[uidAnnotation] ?? "";
  return (
    (uid === "" || uid === account.metadata.uid) &&
    (account.secrets ?? []).some(({ name }) => name === metadata.name)
  );
}
