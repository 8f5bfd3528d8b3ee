import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from "../api/types/admissionregistration-v1.ts";
import type { CustomResourceDefinition } from "../api/types/apiextensions-v1.ts";
import type { APIService } from "../api/types/apiregistration-v1.ts";
import type { ResourceQuota } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { tryParseQuantity } from "../apimachinery/quantity.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import {
  byCauses,
  count,
  fine,
  kubectl,
  type Reason,
  reason,
  some,
  stuck,
  subject,
  waiting,
} from "./reason.ts";
import { webhookFailures } from "./webhook-failures.ts";

/** A part of the API that another server serves. */
export async function whyApiService(service: APIService, look: Look): Promise<Reason> {
  const available = findCondition(service.status?.conditions, "Available");
  const group = `${service.spec?.group ?? ""}/${service.spec?.version ?? ""}`;
  if (available?.status === "True") return fine(service, `is available: ${group} is served`);
  if (available === undefined) return waiting(service, "has not been checked yet");
  const behind = service.spec?.service;
  const { name = "", namespace = "" } = behind ?? {};
  const found = behind === undefined ? undefined : await look.get(resources.services, name, namespace);
  const says = `is not available: ${available.message ?? available.reason ?? ""}`;
  if (behind !== undefined && found === undefined && !look.isUnseen(resources.services, namespace)) {
    return stuck(service, `is not available: nobody serves ${group}`, {
      because: [
        reason(subject("v1", "Service", name, namespace), "stuck", "does not exist", {
          next: {
            says: "bring its server back; if it is gone for good, take its APIService away",
            command: `kubectl delete apiservice ${service.metadata.name ?? ""}`,
          },
        }),
      ],
    });
  }
  const causes = await look.causes([found]);
  if (causes.length > 0) return byCauses(service, `is not available: nobody serves ${group}`, causes);
  return stuck(service, says, {
    next: {
      says: "see what its server logs; check its port, its path and its certificate (caBundle)",
      command: kubectl({ namespace }, `get service,endpointslices,pods`),
    },
  });
}

export async function whyDefinition(definition: CustomResourceDefinition, look: Look): Promise<Reason> {
  const { conditions } = definition.status ?? {};
  const kind = definition.spec?.names.kind ?? "";
  const names = findCondition(conditions, "NamesAccepted");
  if (names?.status === "False") {
    return stuck(definition, `is not served: ${names.message ?? names.reason ?? ""}`, {
      next: {
        says: "choose other names, or delete the definition that has them",
        command: "kubectl get customresourcedefinitions",
      },
    });
  }
  const schema = findCondition(conditions, "NonStructuralSchema");
  if (schema?.status === "True")
    return stuck(definition, `has a schema that is not structural: ${schema.message ?? ""}`, {
      next: {
        says: "correct the schema",
        command: `kubectl edit customresourcedefinition ${definition.metadata.name ?? ""}`,
      },
    });
  if (definition.spec?.conversion?.strategy === "Webhook") {
    const failure = await lastFailure(definition, look);
    if (failure !== undefined)
      return stuck(definition, `cannot be converted: ${failure}`, {
        next: afterFailure(definition, failure),
      });
  }
  if (findCondition(conditions, "Established")?.status === "True")
    return fine(definition, `is established: objects of kind ${kind} are served`);
  return waiting(definition, "is new: its names are being checked");
}

type Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration;

/** What is wrong with the servers behind the webhooks of a configuration, as far as the API tells. */
export async function webhookServers(configuration: Configuration, look: Look): Promise<Reason[]> {
  const services = (configuration.webhooks ?? []).flatMap(({ clientConfig }) => clientConfig.service ?? []);
  const unique = [
    ...new Map(services.map((service) => [`${service.namespace}/${service.name}`, service])).values(),
  ];
  const causes = await Promise.all(
    unique.map(async ({ name, namespace }) => {
      const found = await look.get(resources.services, name, namespace);
      if (found !== undefined || look.isUnseen(resources.services, namespace))
        return await look.causes([found]);
      return [
        reason(subject("v1", "Service", name, namespace), "stuck", "does not exist", {
          next: {
            says: "bring the webhook's server back; if it is gone for good, take its configuration away",
            command: `kubectl delete ${configuration.kind.toLowerCase()} ${configuration.metadata.name ?? ""}`,
          },
        }),
      ];
    }),
  );
  return causes.flat();
}

/** Whether each webhook of a configuration can be reached at all, and how it fared lately. */
export async function whyWebhooks(configuration: Configuration, look: Look): Promise<Reason> {
  const webhooks = configuration.webhooks ?? [];
  const causes = await webhookServers(configuration, look);
  const strict = webhooks.some(({ failurePolicy }) => failurePolicy !== "Ignore");
  const effect = strict
    ? "what it is to judge is refused meanwhile"
    : "what it is to judge passes unjudged meanwhile";
  if (causes.length > 0) return byCauses(configuration, `cannot be asked: ${effect}`, causes);
  const failure = await lastFailure(configuration, look);
  if (failure !== undefined)
    return stuck(configuration, `failed of late (${effect}): ${failure}`, {
      next: afterFailure(configuration, failure),
    });
  return fine(configuration, `asks ${count(webhooks.length, "webhook")}; no failure is known`);
}

/** What an event says of a webhook that fails, unless one says later that it answers again. */
async function lastFailure(
  object: Configuration | CustomResourceDefinition,
  look: Look,
): Promise<string | undefined> {
  const [failure] = webhookFailures(await look.events(object), (time) => look.ageMs(time));
  return failure === undefined ? undefined : (failure.message ?? "");
}

function afterFailure(
  { kind, metadata: { name = "" } }: Configuration | CustomResourceDefinition,
  failure: string,
) {
  if (failure.includes("failed to verify certificate"))
    return {
      says: "its certificate is not one that the caBundle vouches for: correct either; or, where it runs on this machine, have it use a certificate of this cluster",
      command: `sampan webhook cert --point ${name}`,
    };
  return {
    says: "see whether the webhook's server runs and what it logs",
    command: `kubectl get ${kind.toLowerCase()} ${name} -o yaml`,
  };
}

export function whyQuota(quota: ResourceQuota): Reason {
  const { hard = {}, used = {} } = quota.status ?? {};
  const full = Object.entries(hard).filter(([name, limit]) => {
    const [most, now] = [tryParseQuantity(limit), tryParseQuantity(used[name] ?? "0")];
    return most !== undefined && now !== undefined && now.compare(most) >= 0;
  });
  if (full.length === 0) return fine(quota, "has room for more");
  return stuck(
    quota,
    `is used up: ${some(full.map(([name, limit]) => `${name} (${used[name] ?? "0"} of ${limit})`))}`,
    {
      next: {
        says: "remove what is not needed, or raise it",
        command: kubectl(
          { namespace: quota.metadata.namespace ?? "" },
          `describe resourcequota ${quota.metadata.name ?? ""}`,
        ),
      },
    },
  );
}
