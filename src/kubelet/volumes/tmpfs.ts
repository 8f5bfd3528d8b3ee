import { hasOwnFilesystem } from "../mount-table.ts";
import type { Mounter } from "../options.ts";

/**
 * Mounts memory over directories, each once: a second mount would hide what the first one holds. A directory that an
 * earlier kubelet mounted is found mounted.
 */
export class TmpfsMounts {
  readonly #mounter: Mounter | undefined;
  readonly #mounted = new Set<string>();

  constructor(mounter: Mounter | undefined) {
    this.#mounter = mounter;
  }

  /** Does nothing where the node cannot mount: the directory then lies on disk. */
  async ensure(path: string, options: { readonly sizeBytes?: number }): Promise<void> {
    if (this.#mounter === undefined || this.#mounted.has(path)) return;
    if (!(await hasOwnFilesystem(path))) await this.#mounter.mountTmpfs(path, options);
    this.#mounted.add(path);
  }

  /** What lies in the directory was unmounted. */
  forget(directory: string): void {
    for (const path of this.#mounted) if (path.startsWith(`${directory}/`)) this.#mounted.delete(path);
  }
}
