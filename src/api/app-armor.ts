import type { AppArmorProfile } from "./types/core-v1.ts";

/** AppArmor profiles of containers were named by annotations once: this, and the container's name. */
export const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";

export const deprecatedAppArmor = 'deprecated since v1.30; use the "appArmorProfile" field instead';

const localhost = "localhost/";

/** What such an annotation says in the words of the field; undefined when it says nothing that is known. */
export function appArmorProfileOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === "unconfined") return { type: "Unconfined" };
  if (annotation === "runtime/default") return { type: "RuntimeDefault" };
  if (!annotation.startsWith(localhost) || annotation === localhost) return undefined;
  return { type: "Localhost", localhostProfile: annotation.slice(localhost.length) };
}
