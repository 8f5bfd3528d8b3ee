import { join } from "node:path";
import type { Pod } from "../api/types/core-v1.ts";

/** Where things of a pod lie on disk; the layout is the kubelet's own. */
export class Paths {
  readonly root: string;

  constructor(rootDirectory: string) {
    this.root = rootDirectory;
  }

  get pods(): string {
    return join(this.root, "pods");
  }

  pod(uid: string): string {
    return join(this.pods, uid);
  }

  volumes(uid: string): string {
    return join(this.pod(uid), "volumes");
  }

  /** `plugin` as Kubernetes names it, with its slash escaped: `kubernetes.io~empty-dir`. */
  volume(uid: string, plugin: string, name: string): string {
    return join(this.volumes(uid), plugin, name);
  }

  etcHosts(uid: string): string {
    return join(this.pod(uid), "etc-hosts");
  }

  /** The file that a container may leave its last words in. */
  terminationMessage(uid: string, container: string, attempt: number): string {
    return join(this.pod(uid), "containers", container, String(attempt));
  }

  logDirectory(pod: Pod): string {
    const { namespace, name, uid } = pod.metadata;
    return join(this.root, "logs", `${namespace}_${name}_${uid}`);
  }

  /** Relative to the log directory. */
  logPath(container: string, attempt: number): string {
    return join(container, `${attempt}.log`);
  }
}
