import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostPort, HostPortHolder, HostPorts } from "../apimachinery/host-ports.ts";
import type { Instance } from "./instance.ts";
import { real } from "./machine-register.ts";

interface Claim extends HostPortHolder {
  /** Nothing that was claimed before the machine was started anew is in use. */
  readonly boot: string;
}

/**
 * The machine's ports as files in its register, `ports/tcp-80`: whoever makes the file has the port. Claims outlive the
 * server, as its containers and tables do; `down` gives them back.
 */
export class MachineHostPorts implements HostPorts {
  readonly #folder: string;
  readonly #cluster: string;
  readonly #directory: string;
  /** File → the objects of this cluster that want it. The file is ours exactly while it is here. */
  readonly #held = new Map<string, Set<string>>();

  constructor({ name, directory }: Pick<Instance, "name" | "directory">, register: string) {
    this.#folder = join(register, "ports");
    this.#cluster = name;
    this.#directory = real(directory);
  }

  hold(object: string, ports: readonly HostPort[]): HostPortHolder | undefined {
    const wanted = new Map(ports.map((port) => [fileName(port), port]));
    for (const file of this.#filesOf(object)) if (!wanted.has(file)) this.#giveUp(file, object);
    for (const [file, port] of wanted) {
      const rival = this.#take(file, port, object);
      if (rival === undefined) continue;
      for (const taken of this.#filesOf(object)) this.#giveUp(taken, object);
      return rival;
    }
    return undefined;
  }

  /** Gives back what an earlier server of this cluster claimed and this one does not want. */
  forgetOthers(): void {
    for (const file of claimsOf(this.#folder, this.#directory)) {
      if (!this.#held.has(file)) remove(join(this.#folder, file));
    }
  }

  #filesOf(object: string): string[] {
    return [...this.#held].filter(([, objects]) => objects.has(object)).map(([file]) => file);
  }

  #take(file: string, port: HostPort, object: string): HostPortHolder | undefined {
    const objects = this.#held.get(file);
    if (objects !== undefined) {
      objects.add(object);
      return undefined;
    }
    const rival = this.#claim(file, {
      ...port,
      object,
      cluster: this.#cluster,
      directory: this.#directory,
      boot: bootId(),
    });
    if (rival === undefined) this.#held.set(file, new Set([object]));
    return rival;
  }

  /** Who has the port; undefined when it is ours. Where nothing can be written down, all ports are everybody's. */
  #claim(file: string, claim: Claim): Claim | undefined {
    const path = join(this.#folder, file);
    const own = `${path}.${process.pid}`;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
      writeFileSync(own, JSON.stringify(claim), { mode: 0o600 });
      if (link(own, path)) return undefined;
      const rival = readClaim(path);
      if (rival !== undefined && rival.directory !== this.#directory && isAlive(rival)) return rival;
      remove(path);
      return link(own, path) ? undefined : readClaim(path);
    } catch {
      return undefined;
    } finally {
      remove(own);
    }
  }

  #giveUp(file: string, object: string): void {
    const objects = this.#held.get(file);
    objects?.delete(object);
    if (objects?.size !== 0) return;
    this.#held.delete(file);
    remove(join(this.#folder, file));
  }
}

/** Gives back all ports of the cluster in that folder: it does not run any more. */
export function releaseHostPorts(register: string, directory: string): void {
  const folder = join(register, "ports");
  for (const file of claimsOf(folder, real(directory))) remove(join(folder, file));
}

const fileName = ({ protocol, port }: HostPort): string => `${protocol.toLowerCase()}-${port}`;

function claimsOf(folder: string, directory: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((file) => readClaim(join(folder, file))?.directory === directory);
}

function readClaim(path: string): Claim | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Claim;
  } catch {
    return undefined;
  }
}

const isAlive = ({ boot, directory }: Claim): boolean =>
  boot === bootId() && existsSync(join(directory, "instance.json"));

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Nothing can be written there, and so nothing was.
  }
}

/** Makes the second name of the file, if nobody has it. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
