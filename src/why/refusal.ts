import type { KubernetesObject } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import { webhookServers } from "./extension.ts";
import type { Look } from "./look.ts";
import { missingFrom } from "./missing-part.ts";
import { kubectl, type Reason, reason, subject } from "./reason.ts";

/**
 * Why the API server refused what a controller wanted to make for `owner`, by the words of the plugin of admission that
 * did: they stand in a condition or an event. Mirrors the wordings of Kubernetes' admission plugins.
 */
export async function whyRefused(message: string, owner: KubernetesObject, look: Look): Promise<Reason> {
  const { namespace = "" } = owner.metadata;
  const told = message.replace(/^Error creating: /, "").trim();
  for (const [pattern, explain] of refusals) {
    const match = pattern.exec(told);
    if (match !== null)
      return await explain(
        match.slice(1).map((part) => part ?? ""),
        { namespace, told, owner, look },
      );
  }
  return (
    missingFrom(told, owner) ?? reason(subject("v1", "Namespace", namespace), "stuck", `refuses it: ${told}`)
  );
}

interface Refused {
  readonly namespace: string;
  readonly told: string;
  readonly owner: KubernetesObject;
  readonly look: Look;
}

type Explain = (parts: readonly string[], refused: Refused) => Reason | Promise<Reason>;

const refusals: readonly (readonly [RegExp, Explain])[] = [
  [
    /exceeded quota: (\S+), requested: (.*?), used: (.*?), limited: (.*)$/s,
    ([quota = "", requested, used, limited], { namespace }) =>
      reason(
        subject("v1", "ResourceQuota", quota, namespace),
        "stuck",
        `has no room for ${requested}: it allows ${limited}, and ${used} is used already`,
        {
          next: {
            says: "remove what is not needed, ask for less, or raise the quota",
            command: kubectl({ namespace }, `describe resourcequota ${quota}`),
          },
        },
      ),
  ],
  [
    /failed quota: (\S+): must specify (.*?)(?: for: .*)?$/s,
    ([quota = "", names], { namespace }) =>
      reason(
        subject("v1", "ResourceQuota", quota, namespace),
        "stuck",
        `wants each container to state its ${names}`,
        {
          next: {
            says: "state resources in the pod's template, or make a LimitRange that fills them in",
            command: kubectl({ namespace }, `describe resourcequota ${quota}`),
          },
        },
      ),
  ],
  [
    /service ?account \S*?\/?([^/\s"]+): serviceaccount "([^"]+)" not found/,
    ([, name = ""], { namespace }) =>
      reason(subject("v1", "ServiceAccount", name, namespace), "stuck", "does not exist", {
        next: {
          says: `make the ServiceAccount "${name}", or correct serviceAccountName in the pod's template`,
          command: kubectl({ namespace }, `create serviceaccount ${name}`),
        },
      }),
  ],
  [
    /violates PodSecurity "([^"]+)": (.*)$/s,
    ([policy = "", what], { namespace }) =>
      reason(
        subject("v1", "Namespace", namespace),
        "stuck",
        `allows only pods of level "${policy.split(":")[0]}": ${what}`,
        {
          next: {
            says: "change the securityContext as it says, or let the namespace take such pods",
            command: `kubectl label namespace ${namespace} --overwrite pod-security.kubernetes.io/enforce=privileged`,
          },
        },
      ),
  ],
  [
    /admission webhook "([^"]+)" denied the request(?:: (.*))?$/s,
    ([webhook = "", what], { look }) =>
      webhookReason(
        webhook,
        `does not allow it: ${what === "" ? "it gives no reason" : what}`,
        "do what it asks for",
        look,
      ),
  ],
  [
    /failed calling webhook "([^"]+)": (.*)$/s,
    ([webhook = "", why], { look }) =>
      webhookReason(webhook, `cannot be asked: ${why}`, "see whether the webhook's server runs", look),
  ],
  [
    /ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request: (.*)$/s,
    ([policy = "", , what]) =>
      reason(
        subject("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", policy),
        "stuck",
        `does not allow it: ${what}`,
        {
          next: {
            says: "do what it asks for, or change the policy",
            command: `kubectl get validatingadmissionpolicy ${policy} -o yaml`,
          },
        },
      ),
  ],
  [
    /((?:maximum|minimum) \S+ usage per (?:Container|Pod) is .*|\S+ max limit to request ratio per .*)$/s,
    async ([what], { namespace, look }) => {
      const [range] = await look.list(resources.limitranges, namespace);
      return reason(
        subject("v1", "LimitRange", range?.metadata.name ?? "NAME", namespace),
        "stuck",
        `does not allow it: ${what}`,
        {
          next: {
            says: "ask for an amount within the range, or change the LimitRange",
            command: kubectl({ namespace }, "describe limitranges"),
          },
        },
      );
    },
  ],
  [
    /no PriorityClass with name (\S+) was found/,
    ([name = ""]) =>
      reason(subject("scheduling.k8s.io/v1", "PriorityClass", name), "stuck", "does not exist", {
        next: {
          says: "correct priorityClassName in the pod's template, or make the class",
          command: `kubectl create priorityclass ${name} --value=1000`,
        },
      }),
  ],
  [
    /because it is being terminated/,
    async (_, { namespace, look, told }) => {
      const found = await look.get(resources.namespaces, namespace);
      return (await look.causes([found]))[0] ?? reason(subject("v1", "Namespace", namespace), "stuck", told);
    },
  ],
  [
    /serviceaccount|service account/i,
    (_, { namespace, told }) =>
      reason(subject("v1", "Namespace", namespace), "stuck", `has no account for it yet: ${told}`),
  ],
];

/** A webhook by its name in messages; the configuration that it stands in is what can be looked at and changed. */
async function webhookReason(webhook: string, says: string, whatToDo: string, look: Look): Promise<Reason> {
  const [validating, mutating] = await Promise.all([
    look.list(resources.validatingwebhookconfigurations),
    look.list(resources.mutatingwebhookconfigurations),
  ]);
  const configurations = [...validating, ...mutating];
  const found = configurations.find(({ webhooks }) => webhooks?.some(({ name }) => name === webhook));
  const apiVersion = "admissionregistration.k8s.io/v1";
  if (found === undefined)
    return reason(subject(apiVersion, "Webhook", webhook), "stuck", says, { next: { says: whatToDo } });
  const { name = "" } = found.metadata;
  const because = await webhookServers(found, look);
  const command = `kubectl get ${found.kind.toLowerCase()} ${name} -o yaml`;
  const next =
    because.length > 0
      ? {}
      : { next: { says: `${whatToDo}, or change the webhook's configuration`, command } };
  return reason(subject(found.apiVersion, found.kind, name), "stuck", `(webhook "${webhook}") ${says}`, {
    because,
    ...next,
  });
}
