import { invalid } from "../../../apimachinery/field-error.ts";
import { deepEqual } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { fromResourceV1beta1 } from "../../conversion/resource.ts";
import type { ResourceClaim, ResourceClaimTemplate } from "../../types/resource-v1.ts";
import { type Errors, immutableMessage } from "../basics.ts";
import { type KindRules, rules } from "../kind-rules.ts";
import { checkTemplateObjectMeta } from "../object-meta.ts";
import { checkClaimStatus } from "./claim-status.ts";
import { checkDeviceClass, checkDeviceClassUpdate } from "./configuration.ts";
import { checkDeviceClaim } from "./requests.ts";
import { checkSlice, checkSliceUpdate } from "./slices.ts";
import { checkTaintRule, checkTaintRuleStatus, checkTaintRuleUpdate } from "./taints.ts";

/** The rules of resource.k8s.io (mirrors pkg/apis/resource/validation). What a claim asks for never changes. */
function checkClaim({ spec }: ResourceClaim, errors: Errors): void {
  checkDeviceClaim(spec.devices, "spec.devices", errors);
}

/** An empty struct is not an absent one. */
function checkFixed(now: unknown, old: unknown, path: string, errors: Errors): void {
  if (!deepEqual(now, old)) errors.push(invalid(path, now, immutableMessage));
}

function checkClaimUpdate({ spec }: ResourceClaim, old: ResourceClaim, errors: Errors): void {
  checkFixed(spec, old.spec, "spec", errors);
}

function checkTemplate({ spec }: ResourceClaimTemplate, errors: Errors): void {
  checkTemplateObjectMeta(spec.metadata, "spec.metadata", errors);
  checkDeviceClaim(spec.spec?.devices, "spec.spec.devices", errors);
}

function checkTemplateUpdate(now: ResourceClaimTemplate, old: ResourceClaimTemplate, errors: Errors): void {
  checkTemplate(now, errors);
  checkFixed(now.spec, old.spec, "spec", errors);
}

const stable: Readonly<Record<string, KindRules>> = {
  DeviceClass: rules({ create: checkDeviceClass, update: checkDeviceClassUpdate, ownMetadata: true }),
  ResourceClaim: rules({
    create: checkClaim,
    update: checkClaimUpdate,
    subresources: { status: checkClaimStatus },
  }),
  ResourceClaimTemplate: rules({ create: checkTemplate, update: checkTemplateUpdate }),
  ResourceSlice: rules({ create: checkSlice, update: checkSliceUpdate }),
};

/** Faults of the first beta are told in the words of later versions, which put requests and devices in other places. */
function ofFirstBeta({ create, update, subresources, ...others }: KindRules): KindRules {
  const later = (object: UnstructuredObject): UnstructuredObject =>
    fromResourceV1beta1(object, "resource.k8s.io/v1");
  const changed =
    (check: KindRules["update"]): KindRules["update"] =>
    (now, old, errors) =>
      check(later(now), later(old), errors);
  return {
    ...others,
    create: (object, errors) => create(later(object), errors),
    update: changed(update),
    subresources: Object.fromEntries(
      Object.entries(subresources).map(([name, check]) => [name, changed(check)] as const),
    ),
  };
}

export const resourceKinds: Readonly<Record<string, KindRules>> = {
  ...Object.fromEntries(
    Object.entries(stable).flatMap(([kind, own]) => [
      [`resource.k8s.io/v1/${kind}`, own] as const,
      [`resource.k8s.io/v1beta1/${kind}`, ofFirstBeta(own)] as const,
    ]),
  ),
  "resource.k8s.io/v1beta2/DeviceTaintRule": rules({
    create: checkTaintRule,
    update: checkTaintRuleUpdate,
    subresources: { status: checkTaintRuleStatus },
  }),
};
