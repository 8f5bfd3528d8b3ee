import { expect, test } from "vitest";
import { checkAdmission } from "./admission-flags.ts";

test.each([
  [
    ["Foo"],
    [],
    'enable-admission-plugins plugin "Foo" is unknown; there are NamespaceLifecycle, LimitRanger, ',
  ],
  [["NodeRestriction"], ["ServiceAcount"], 'disable-admission-plugins plugin "ServiceAcount" is unknown'],
  // What kube-apiserver has had once, and what only Sampan calls a plugin.
  [["PodSecurityPolicy"], [], 'enable-admission-plugins plugin "PodSecurityPolicy" is unknown'],
  [[], ["RBACEscalation"], 'disable-admission-plugins plugin "RBACEscalation" is unknown'],
  [
    ["ResourceQuota", "LimitRanger"],
    ["LimitRanger", "ResourceQuota"],
    "[LimitRanger ResourceQuota] in enable-admission-plugins and disable-admission-plugins overlapped",
  ],
  [["AlwaysPullImages"], [], "AlwaysPullImages is not supported by Sampan's kube-apiserver; there are "],
])("kube-apiserver's stand-in refuses plugins %j on, %j off", (enabled, disabled, message) => {
  expect(() => checkAdmission(enabled, disabled)).toThrow(message);
});

test.each([
  [[], ["ServiceAccount"]],
  [["OwnerReferencesPermissionEnforcement", "NodeRestriction"], ["PodSecurity"]],
  // There is nothing that they would do, or would leave undone.
  [
    ["AlwaysAdmit", "NamespaceExists"],
    ["DenyServiceExternalIPs", "EventRateLimit"],
  ],
])("kube-apiserver's stand-in takes plugins %j on, %j off", (enabled, disabled) => {
  expect(() => checkAdmission(enabled, disabled)).not.toThrow();
});
