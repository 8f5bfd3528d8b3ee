import { admissionPluginNames } from "../../apiserver/admission/chain.ts";
import { FlagError } from "./flags.ts";

/** Of kube-apiserver 1.36, off unless named, and not made here: who turns one on counts on what it does. */
const notMade = [
  "AlwaysDeny",
  "AlwaysPullImages",
  "DenyServiceExternalIPs",
  "EventRateLimit",
  "ExtendedResourceToleration",
  "ImagePolicyWebhook",
  "LimitPodHardAntiAffinityTopology",
  "NamespaceAutoProvision",
  "PodNodeSelector",
  "PodTolerationRestriction",
] as const;

/**
 * Of kube-apiserver 1.36, and not made here as plugins: they do nothing, or nothing beyond what is always done, or are
 * about what only a gate brings.
 */
const notNeeded = [
  "AlwaysAdmit",
  "JobValidation",
  "NamespaceExists",
  "NodeDeclaredFeatureValidator",
  "PodGroupProtection",
  "PodGroupWorkloadExists",
  "PodResizeValidator",
  "PodTopologyLabels",
] as const;

/** Ours are no plugins there: what they do is not to be turned off. */
const inside = new Set(["PodConnect", "RBACEscalation"]);

/**
 * Throws FlagError for plugins that kube-apiserver does not know, that are named both ways, or that would have to run and
 * are not made here.
 */
export function checkAdmission(enabled: readonly string[], disabled: readonly string[]): void {
  const made = admissionPluginNames.filter((name) => !inside.has(name));
  const known = new Set<string>([...made, ...notMade, ...notNeeded]);
  for (const [flag, names] of [
    ["enable-admission-plugins", enabled],
    ["disable-admission-plugins", disabled],
  ] as const) {
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined)
      throw new FlagError(
        `${flag} plugin ${JSON.stringify(unknown)} is unknown; there are ${made.join(", ")}`,
      );
  }
  const both = enabled.filter((name) => disabled.includes(name)).toSorted();
  if (both.length > 0)
    throw new FlagError(
      `[${both.join(" ")}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    );
  const missing = enabled.find((name) => notMade.some((each) => each === name));
  if (missing !== undefined)
    throw new FlagError(
      `enable-admission-plugins: ${missing} is not supported by Sampan's kube-apiserver; there are ${made.join(", ")}`,
    );
}
