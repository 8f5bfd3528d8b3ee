import type { WebhookClientConfig } from "../api/types/admissionregistration-v1.ts";
import type { CustomResourceDefinition } from "../api/types/apiextensions-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { retryOnConflict } from "../apimachinery/retry.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { CommandError } from "./command.ts";

/** Where webhooks listen on this machine. */
export interface WebhookTarget {
  /** For example https://127.0.0.1:9443; the paths that webhooks have are appended. */
  readonly base: string;
  /** The authority of its certificate, PEM in base64. */
  readonly caBundle: string;
}

/**
 * Makes the webhooks of a name be called at the target, with the paths that they have: those of a
 * ValidatingWebhookConfiguration, of a MutatingWebhookConfiguration, and the conversion of a CustomResourceDefinition; what
 * bears the name is changed. Answers the URLs that are called from now on; throws when nothing has the name.
 */
export async function pointWebhooks(client: Client, name: string, target: WebhookTarget): Promise<string[]> {
  const pointed = await Promise.all([
    changeWebhooks(client, resources.validatingwebhookconfigurations, name, target),
    changeWebhooks(client, resources.mutatingwebhookconfigurations, name, target),
    changeConversion(client, name, target),
  ]);
  const found = pointed.filter((urls) => urls !== undefined);
  if (found.length > 0) return found.flat();
  throw new CommandError(`there is no webhook configuration "${name}", and no definition of that name`, {
    remedy:
      "see which there are: sampan kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,crds",
  });
}

/** What both kinds of configuration have in common. */
interface Configuration extends KubernetesObject {
  readonly webhooks?: readonly { readonly clientConfig: WebhookClientConfig }[] | undefined;
}

function changeWebhooks<T extends Configuration>(
  client: Client,
  kind: ResourceReference<T>,
  name: string,
  target: WebhookTarget,
): Promise<string[] | undefined> {
  return unlessMissing(async () => {
    const configurations = client.resource(kind);
    const found = await configurations.get(name);
    const change = (configuration: T): T => ({
      ...configuration,
      webhooks: (configuration.webhooks ?? []).map((webhook) => ({
        ...webhook,
        clientConfig: pointed(webhook.clientConfig, target),
      })),
    });
    const changed = await configurations.update(changeAsApplied(found, change));
    return (changed.webhooks ?? []).map(({ clientConfig }) => clientConfig.url ?? "");
  });
}

function changeConversion(
  client: Client,
  name: string,
  target: WebhookTarget,
): Promise<string[] | undefined> {
  return unlessMissing(async () => {
    const definitions = client.resource(resources.customresourcedefinitions);
    const found = await definitions.get(name);
    const webhook = found.spec.conversion?.webhook;
    if (webhook === undefined) {
      throw new CommandError(`definition "${name}" is converted by no webhook`, {
        remedy: `it is where spec.conversion.strategy is Webhook: sampan kubectl get crd ${name} -o yaml`,
      });
    }
    const change = (definition: CustomResourceDefinition): CustomResourceDefinition => {
      const given = definition.spec.conversion?.webhook ?? webhook;
      const clientConfig = pointed(given.clientConfig ?? {}, target);
      const conversion = { strategy: "Webhook", webhook: { ...given, clientConfig } };
      return { ...definition, spec: { ...definition.spec, conversion } };
    };
    const changed = await definitions.update(changeAsApplied(found, change));
    return [changed.spec.conversion?.webhook?.clientConfig?.url ?? ""];
  });
}

/**
 * Changes the object, and what kubectl has noted of it as applied. The next `kubectl apply` of the manifest then takes the
 * URL away before it puts the Service back; else there would be both, which is refused.
 */
function changeAsApplied<T extends KubernetesObject>(object: T, change: (object: T) => T): T {
  const changed = change(object);
  const noted = object.metadata.annotations?.[lastApplied];
  if (noted === undefined) return changed;
  const annotations = {
    ...object.metadata.annotations,
    [lastApplied]: JSON.stringify(change(JSON.parse(noted) as T)),
  };
  return { ...changed, metadata: { ...changed.metadata, annotations } };
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Controllers write the status of a new definition at the same time: who comes second looks again. */
async function unlessMissing<T>(change: () => Promise<T>): Promise<T | undefined> {
  try {
    return await retryOnConflict(change);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function pointed(config: WebhookClientConfig, { base, caBundle }: WebhookTarget) {
  return { url: `${base}${pathOf(config)}`, caBundle };
}

function pathOf({ service, url }: WebhookClientConfig): string {
  if (service !== undefined) return service.path ?? "/";
  return url !== undefined && URL.canParse(url) ? new URL(url).pathname : "/";
}
