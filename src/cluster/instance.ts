import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/**
 * One named cluster on this machine: its folder, and the addresses and names that are its own, so that several clusters
 * live side by side without meeting. What was chosen at the first start is kept in `instance.json` and never moves.
 */
export interface Instance {
  readonly name: string;
  /** Holds all that the cluster keeps; removing it after `down --purge` loses nothing else. */
  readonly directory: string;
  readonly settings: InstanceSettings;
}

export interface InstanceSettings {
  /** Distinguishes clusters of one machine; address ranges follow from it. */
  readonly index: number;
  readonly runtime: RuntimeKind;
  readonly apiPort: number;
  /** `10.244.0.0/16` for the first cluster. */
  readonly podCidr: string;
  /** `10.96.0.0/16` for the first cluster. */
  readonly serviceCidr: string;
  /** Address of cluster DNS: the tenth of the service range, as kubeadm has it. */
  readonly dnsAddress: string;
  /** Prefix of interface names: at most 8 characters, since Linux allows 15 in all. */
  readonly interfacePrefix: string;
}

export type RuntimeKind = "crun" | "simulated";

/** At most so many clusters on one machine: beyond, pod and service ranges would meet. */
const maxInstances = 32;

export const defaultName = "sampan";

/** Where clusters live: `SAMPAN_HOME`, else /var/lib/sampan for root, else the user's data folder. */
export function homeDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment["SAMPAN_HOME"] !== undefined && environment["SAMPAN_HOME"] !== "")
    return environment["SAMPAN_HOME"];
  if (process.getuid?.() === 0) return "/var/lib/sampan";
  const data = environment["XDG_DATA_HOME"];
  return join(data === undefined || data === "" ? join(homedir(), ".local", "share") : data, "sampan");
}

/** Undefined when the name can be a cluster's, else what is wrong with it. */
export function nameProblem(name: string): string | undefined {
  if (/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(name)) return undefined;
  return `"${name}" cannot be a cluster's name: use up to 32 lower-case letters, digits and "-", starting and ending with a letter or digit`;
}

/** The instance if it was ever started, or undefined. */
export function findInstance(name: string, home = homeDirectory()): Instance | undefined {
  const directory = join(home, name);
  const settings = readSettings(directory);
  return settings === undefined ? undefined : { name, directory, settings };
}

/** All instances of this home, by name. */
export function listInstances(home = homeDirectory()): Instance[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .toSorted()
    .map((name) => findInstance(name, home))
    .filter((instance) => instance !== undefined);
}

export interface InstanceRequest {
  readonly name: string;
  readonly runtime: RuntimeKind;
  /** A port asked for by name must be free; otherwise the first free one from 6443 on is taken. */
  readonly apiPort?: number;
}

/** Why there is no such instance, for the person who asked for it. */
export class InstanceError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "InstanceError";
    this.remedy = remedy;
  }
}

/** Finds the instance or chooses its addresses and writes them down. The folder is private to its user. */
export async function openInstance(request: InstanceRequest, home = homeDirectory()): Promise<Instance> {
  return findInstance(request.name, home) ?? (await withLock(home, () => choose(request, home)));
}

/** Tells the calls of one process apart. */
let locksAsked = 0;

/** One instance chooses at a time: two that start at once must not take the same addresses. */
async function withLock<T>(home: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(home, { recursive: true, mode: 0o711 });
  const lock = join(home, ".lock");
  // Linked when it is whole: a lock without its holder's pid would pass for one whose holder is dead.
  const own = join(home, `.lock.${process.pid}.${++locksAsked}`);
  writeFileSync(own, String(process.pid), { mode: 0o600 });
  for (;;) {
    try {
      linkSync(own, lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    // A lock whose holder was killed holds nobody.
    if (processStartTime(Number(readOrEmpty(lock))) === undefined) rmSync(lock, { force: true });
    else await wait(20);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
    rmSync(own, { force: true });
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function choose(request: InstanceRequest, home: string): Promise<Instance> {
  const found = findInstance(request.name, home);
  if (found !== undefined) return found;
  const others = listInstances(home);
  const taken = new Set(others.map((other) => other.settings.index));
  // A cluster of another home or user is seen by the addresses that it has on this machine.
  const addresses = hostAddresses();
  const index = Array.from({ length: maxInstances }, (_, candidate) => candidate).find(
    (free) => !taken.has(free) && !addresses.has(dnsAddressOf(free)),
  );
  if (index === undefined) {
    throw new InstanceError(
      `there are ${maxInstances} clusters on this machine already`,
      "remove one with: sampan down --purge --name NAME",
    );
  }
  if (request.apiPort !== undefined && !(await canListen(request.apiPort))) {
    throw new InstanceError(
      `port ${request.apiPort} of 127.0.0.1 is in use by another program`,
      "name another with --port, or leave it out: the first free one is taken",
    );
  }
  const directory = join(home, request.name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const ports = new Set(others.map((other) => other.settings.apiPort));
  const settings: InstanceSettings = {
    index,
    runtime: request.runtime,
    apiPort: request.apiPort ?? (await freePort(6443, ports)),
    podCidr: `10.${244 - index}.0.0/16`,
    serviceCidr: `10.${96 + index}.0.0/16`,
    dnsAddress: dnsAddressOf(index),
    interfacePrefix: interfacePrefix(request.name, index),
  };
  writePrivate(join(directory, "instance.json"), `${JSON.stringify(settings, undefined, 2)}\n`);
  return { name: request.name, directory, settings };
}

const dnsAddressOf = (index: number): string => `10.${96 + index}.0.10`;

function hostAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)));
}

/**
 * A letter, the index, then letters of the name: `s0sampan`. The index has one digit and comes first, so that no cluster's
 * prefix begins another's; names of nftables begin with a letter.
 */
function interfacePrefix(name: string, index: number): string {
  return `s${index.toString(maxInstances)}${name.replaceAll("-", "").slice(0, 6)}`;
}

function readSettings(directory: string): InstanceSettings | undefined {
  const file = join(directory, "instance.json");
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as InstanceSettings;
  } catch (cause) {
    throw new InstanceError(
      `${file} is damaged`,
      `restore it from a copy, or remove the cluster's folder ${directory} to start anew`,
      { cause },
    );
  }
}

/** Writes a file that only its owner may read, whole or not at all. */
export function writePrivate(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, file);
}

async function freePort(from: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = from; port < from + 200; port++) {
    if (!taken.has(port) && (await canListen(port))) return port;
  }
  throw new InstanceError(`no port between ${from} and ${from + 199} is free`, "name one with --port");
}

/** Whether a listener on loopback gets the port. */
export async function canListen(port: number, address = "127.0.0.1"): Promise<boolean> {
  const { createServer } = await import("node:net");
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}

/** The process that runs an instance, as `server.json` in its folder names it. */
export interface ServerRecord {
  readonly pid: number;
  /** The kernel's start time of that pid: a recycled pid is told from the process that wrote this. */
  readonly startTime: string;
  readonly apiPort: number;
  readonly startedAt: string;
}

/** The record of a server that runs now, or undefined. */
export function runningServer(instance: Instance): ServerRecord | undefined {
  const file = join(instance.directory, "server.json");
  if (!existsSync(file)) return undefined;
  try {
    const record = JSON.parse(readFileSync(file, "utf8")) as ServerRecord;
    return processStartTime(record.pid) === record.startTime ? record : undefined;
  } catch {
    // A torn or foreign file says nothing about a running process.
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat; elsewhere than Linux, whether the process exists. Undefined when it does not run. */
export function processStartTime(pid: number): string | undefined {
  try {
    if (process.platform !== "linux") {
      process.kill(pid, 0);
      return "running";
    }
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; only its parent has not noticed.
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
