/**
 * The OCI runtime (crun, or runc) as a program. It is called for create (through conmon), start, exec and delete; signals
 * go to the process directly.
 */
import { type CgroupHost } from "../../linux/cgroups.ts";
import { findProgram } from "../../linux/host.ts";
import { programEnvironment } from "../../linux/spawned-operations.ts";
import type { System } from "../../linux/system.ts";

/** A program with the arguments that come before its own command. */
export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
}

export class OciRuntime {
  readonly name: "crun" | "runc";
  readonly program: string;
  readonly #stateDirectory: string;
  readonly #system: System;
  /** Mounted paths under which the runtime refuses to create containers. */
  readonly #hidden: readonly string[];

  private constructor(
    name: "crun" | "runc",
    program: string,
    stateDirectory: string,
    system: System,
    hidden: readonly string[],
  ) {
    this.name = name;
    this.program = program;
    this.#stateDirectory = stateDirectory;
    this.#system = system;
    this.#hidden = hidden;
  }

  /** Chooses crun where it is installed, else runc; undefined when there is neither. */
  static find(
    stateDirectory: string,
    system: System,
    cgroups: CgroupHost | undefined,
    wanted: "crun" | "runc" | undefined,
  ): OciRuntime | undefined {
    const crun = wanted === "runc" ? undefined : findProgram("crun");
    if (crun !== undefined) {
      return new OciRuntime("crun", crun, stateDirectory, system, pathsToHide(cgroups));
    }
    const runc = findProgram("runc");
    return runc === undefined ? undefined : new OciRuntime("runc", runc, stateDirectory, system, []);
  }

  /** For everything but create. */
  get command(): CommandLine {
    return { program: this.program, args: ["--root", this.#stateDirectory] };
  }

  /**
   * Runs `use` with the command line for create. crun refuses hybrid hosts on which v2 holds a controller, so there it
   * runs in a mount namespace of its own, without the v2 mount; the namespace is as fresh as the call, because mounts
   * that the host made meanwhile (volumes, root file systems) must be in it.
   */
  async withCreateCommand<T>(use: (command: CommandLine) => Promise<T>): Promise<T> {
    if (this.#hidden.length === 0) return use(this.command);
    const inner = [this.program, ...this.command.args];
    if (!(await this.#system.isDirect())) {
      const script = `umount ${this.#hidden.join(" ")} && exec "$@"`;
      return use({
        program: findProgram("unshare") ?? "unshare",
        args: ["-m", "sh", "-c", script, "sh", ...inner],
      });
    }
    const view = await this.#system.mountViewWithout(this.#hidden);
    try {
      return await use({
        program: findProgram("nsenter") ?? "nsenter",
        args: [`--mount=/proc/${process.pid}/fd/${view}`, ...inner],
      });
    } finally {
      await this.#system.closeDescriptor(view);
    }
  }

  async start(id: string): Promise<void> {
    await this.#run("start", id);
  }

  /** Kills what is left of it and forgets it. Succeeds when it is unknown. */
  async delete(id: string): Promise<void> {
    await this.#run("delete", "--force", id).catch((error: unknown) => {
      if (!/does not exist|no such file|not found|error opening file/i.test(String(error))) throw error;
    });
  }

  async version(): Promise<string> {
    return /version (\S+)/.exec(await this.#run("--version"))?.[1] ?? "unknown";
  }

  #run(...args: string[]): Promise<string> {
    const { program, args: before } = this.command;
    return this.#system.runProgram({
      program,
      args: [...before, ...args],
      environment: programEnvironment,
    });
  }
}

function pathsToHide(cgroups: CgroupHost | undefined): string[] {
  const isRefused = cgroups?.mode === "hybrid" && cgroups.unifiedControllers.length > 0;
  return isRefused && cgroups.unified !== undefined ? [cgroups.unified] : [];
}
