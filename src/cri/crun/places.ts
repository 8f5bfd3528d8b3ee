/** Where the runtime's files lie. */
import { mkdirSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isMountPoint } from "../../linux/cgroups.ts";
import type { System } from "../../linux/system.ts";

/**
 * Three folders below the root: records and the layers that containers write into are on the disk; everything else ends
 * with a reboot anyway and is held in memory (as other runtimes have it below /run), because a pod makes some thirty such
 * files, and making and forgetting files is what a disk's file system is slowest at.
 */
export class Places {
  readonly #run: string;
  readonly #layers: string;
  readonly records: { readonly sandboxes: string; readonly containers: string };
  /** What the OCI runtime knows. */
  readonly ociState: string;
  /** Where monitors leave exit codes. */
  readonly exits: string;

  constructor(rootDirectory: string) {
    this.#run = join(rootDirectory, "run");
    this.#layers = join(rootDirectory, "layers");
    this.records = {
      sandboxes: join(rootDirectory, "sandboxes"),
      containers: join(rootDirectory, "containers"),
    };
    this.ociState = join(this.#run, "oci");
    this.exits = join(this.#run, "exits");
  }

  /** A sandbox's namespaces, and the files that all its containers see. */
  sandbox(id: string): string {
    return join(this.#run, "sandboxes", id);
  }

  /** A container's bundle: its specification, its root file system, its monitor's sockets. */
  container(id: string): string {
    return join(this.#run, "containers", id);
  }

  /** What a container writes into its root file system. */
  layers(id: string): string {
    return join(this.#layers, id);
  }

  /** Ids that have files, of sandboxes and of containers. */
  found(): { sandboxes: string[]; containers: string[] } {
    return {
      sandboxes: namesIn(join(this.#run, "sandboxes")),
      containers: [...namesIn(join(this.#run, "containers")), ...namesIn(this.#layers)],
    };
  }

  async removeContainer(id: string): Promise<void> {
    for (const folder of [this.container(id), this.layers(id)])
      await rm(folder, { recursive: true, force: true });
  }

  async removeSandbox(id: string): Promise<void> {
    await rm(this.sandbox(id), { recursive: true, force: true });
  }

  /** Answers at once, with undefined, where an earlier process has done it and no reboot came between. */
  prepare(system: System): Promise<void> | undefined {
    mkdirSync(this.#layers, { recursive: true, mode: 0o711 });
    mkdirSync(this.#run, { recursive: true, mode: 0o711 });
    if (isMountPoint(this.#run)) {
      this.#makeFolders();
      return undefined;
    }
    return system
      .mount({
        source: "sampan",
        target: this.#run,
        type: "tmpfs",
        flags: ["nosuid", "nodev"],
        data: "mode=711",
      })
      .then(() => this.#makeFolders());
  }

  #makeFolders(): void {
    for (const name of ["sandboxes", "containers", "exits"]) {
      mkdirSync(join(this.#run, name), { recursive: true, mode: 0o711 });
    }
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
