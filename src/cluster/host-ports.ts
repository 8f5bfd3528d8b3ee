import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostPort, HostPortHolder, HostPorts } from "../apimachinery/host-ports.ts";
import { hostAddress } from "./host-address.ts";
import { type HostListener, hostListener } from "./host-listeners.ts";
import type { Instance } from "./instance.ts";
import { real } from "./machine-register.ts";

interface Claim extends HostPortHolder {
  readonly cluster: string;
  readonly directory: string;
  /** Nothing that was claimed before the machine was started anew is in use. */
  readonly boot: string;
}

/**
 * The machine's ports as files in its register, `ports/tcp-80`: whoever makes the file has the port, unless a
 * program of the host listens there, whose connections would go to a pod without anybody saying so. Claims outlive the
 * server, as its containers and tables do; `down` gives them back.
 */
export class MachineHostPorts implements HostPorts {
  readonly #folder: string;
  readonly #cluster: string;
  readonly #directory: string;
  /** File → the objects of this cluster that want it. The file is ours exactly while it is here. */
  readonly #held = new Map<string, Set<string>>();

  readonly #listener: (port: HostPort) => HostListener | undefined;

  /** `listener` tells which program of the host listens on a port. */
  constructor(
    { name, directory }: Pick<Instance, "name" | "directory">,
    register: string,
    listener = listenerHere,
  ) {
    this.#listener = listener;
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
  #claim(file: string, claim: Claim): HostPortHolder | undefined {
    const path = join(this.#folder, file);
    const own = `${path}.${process.pid}`;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
      writeFileSync(own, JSON.stringify(claim), { mode: 0o600 });
      const rival = readClaim(path);
      const isHeld = rival !== undefined && isAlive(rival);
      if (isHeld && rival.directory !== this.#directory) return rival;
      // What an earlier server of this cluster had is not taken from those who came to listen since: they chose it so.
      const program = isHeld ? undefined : this.#program(claim);
      if (program !== undefined) return program;
      if (rival !== undefined || existsSync(path)) remove(path);
      return link(own, path) ? undefined : readClaim(path);
    } catch {
      return undefined;
    } finally {
      remove(own);
    }
  }

  #program({ protocol, port }: HostPort): HostPortHolder | undefined {
    const listener = this.#listener({ protocol, port });
    if (listener === undefined) return undefined;
    const { program, pid } = listener;
    const object = pid === undefined ? "a program" : `the program ${program} (process ${pid})`;
    return { protocol, port, object };
  }

  #giveUp(file: string, object: string): void {
    const objects = this.#held.get(file);
    objects?.delete(object);
    if (objects?.size !== 0) return;
    this.#held.delete(file);
    remove(join(this.#folder, file));
  }
}

function listenerHere(port: HostPort): HostListener | undefined {
  const address = hostAddress();
  return hostListener(port, address === undefined ? [] : [address]);
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
