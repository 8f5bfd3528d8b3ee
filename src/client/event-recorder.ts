import type { KubernetesObject } from "../apimachinery/object.ts";

/**
 * Records events (core/v1) about objects, as `kubectl describe` shows them. Like events are counted up, not repeated;
 * recording never throws, never waits and drops events when too many are pending.
 */
export interface EventRecorder {
  /** `fieldPath` names the part that is meant: `spec.containers{web}`. */
  event(
    about: KubernetesObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    fieldPath?: string,
  ): void;
  /** A recorder of the same sink whose events name another component: `kubelet`, `deployment-controller`. */
  forComponent(component: string, host?: string): EventRecorder;
}
