import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir, networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { withLock } from "./lock.ts";
import {
  type Reservation,
  real,
  registerIn,
  reservationOf,
  reservations,
  reserve,
  withRegisterLock,
  writeDurably,
} from "./machine-register.ts";
import { processStartTime } from "./process-start.ts";

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
  /** How many simulated nodes there are; one where nobody has said so. */
  readonly nodes?: number;
}

export type RuntimeKind = "crun" | "simulated";

/** At most so many clusters on one machine: beyond, pod and service ranges would meet. */
const maxInstances = 32;

export const defaultName = "sampan";

/** Where clusters live: `SAMPAN_HOME`, else /var/lib/sampan for root, else the user's data folder. */
export function homeDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const home = environment["SAMPAN_HOME"];
  // The server works in another folder, and the kernel's tables show paths without links.
  return real(home === undefined || home === "" ? usualHome(environment) : resolve(home));
}

function usualHome(environment: NodeJS.ProcessEnv): string {
  if (process.getuid?.() === 0) return "/var/lib/sampan";
  const data = environment["XDG_DATA_HOME"];
  return join(data === undefined || data === "" ? join(homedir(), ".local", "share") : data, "sampan");
}

/** Undefined when the name can be a cluster's, else what is wrong with it. */
export function nameProblem(name: string): string | undefined {
  if (/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(name)) return undefined;
  return `"${name}" cannot be a cluster's name: use up to 32 lower-case letters, digits and "-", starting and ending with a letter or digit`;
}

/** A cluster's folder as it is found: with its settings, or with what is wrong with them, or never started. */
export interface InstanceFolder {
  readonly name: string;
  readonly directory: string;
  /** Absent when it was never started (images were imported), and when they are damaged. */
  readonly settings?: InstanceSettings;
  readonly damage?: InstanceError;
}

/** The folder of that name, whatever state it is in; undefined when there is none. */
export function findFolder(name: string, home = homeDirectory()): InstanceFolder | undefined {
  const directory = join(home, name);
  try {
    const settings = readSettings(name, directory);
    if (settings !== undefined) return { name, directory, settings };
  } catch (error) {
    if (error instanceof InstanceError) return { name, directory, damage: error };
    throw error;
  }
  return isFolder(directory) ? { name, directory } : undefined;
}

/** The instance if it was ever started, or undefined. Throws InstanceError when it is damaged. */
export function findInstance(name: string, home = homeDirectory()): Instance | undefined {
  const { directory, settings, damage } = findFolder(name, home) ?? {};
  if (damage !== undefined) throw damage;
  return settings === undefined || directory === undefined ? undefined : { name, directory, settings };
}

/** All folders of clusters in this home, by name. One that is damaged says so and keeps nobody from the others. */
export function listFolders(home = homeDirectory()): InstanceFolder[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .toSorted()
    .filter((name) => nameProblem(name) === undefined)
    .flatMap((name) => findFolder(name, home) ?? []);
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

/** What clusters share with each other and with all else on the machine. */
export interface Machine {
  /** Folder in which clusters say what they have. */
  readonly register: string;
  /** Addresses that the machine has now. */
  readonly addresses: () => readonly string[];
}

const thisMachine = (home: string): Machine => ({
  register: machineRegister(home),
  addresses: () =>
    Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)),
});

/** Finds the instance or chooses its addresses and writes them down. The folder is private to its user. */
export async function openInstance(
  request: InstanceRequest,
  home = homeDirectory(),
  { register, addresses }: Machine = thisMachine(home),
): Promise<Instance> {
  const found = findInstance(request.name, home);
  // The usual case, without waiting for anybody: it has what it had.
  if (found !== undefined && holder(found, register) === found.directory) return found;
  return await withRegisterLock(register, async () => {
    const known = findInstance(request.name, home);
    return known === undefined ? await choose(request, home, register, addresses()) : keep(known, register);
  });
}

/** The register of this machine's clusters, one for each user; in the home itself where a user has no other place. */
export function machineRegister(home = homeDirectory(), environment = process.env): string {
  const register = registerIn(usualHome(environment));
  try {
    mkdirSync(register, { recursive: true, mode: 0o711 });
    accessSync(register, constants.W_OK);
    return register;
  } catch {
    return registerIn(home);
  }
}

/** Makes the cluster's folder, private to its user, without choosing anything for it yet. */
export function openFolder(name: string, home = homeDirectory()): string {
  const directory = join(home, name);
  mkdirSync(home, { recursive: true, mode: 0o711 });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  return directory;
}

/** Commands that start, stop or remove one cluster take turns. */
export const withInstanceLock = <T>(
  name: string,
  work: () => Promise<T>,
  home = homeDirectory(),
): Promise<T> => withLock(join(home, `.${name}.lock`), work);

/** The folder of the cluster that has this one's number; its own folder when it has it itself. */
function holder({ directory, settings }: Instance, register: string): string | undefined {
  const found = reservationOf(register, settings.index)?.directory;
  return found === real(directory) ? directory : found;
}

/** Enters an instance that the register does not know: of an earlier version, copied or moved. */
function keep(instance: Instance, register: string): Instance {
  const { name, directory, settings } = instance;
  const other = reservationOf(register, settings.index);
  if (other !== undefined && other.directory !== real(directory)) {
    throw new InstanceError(
      `cluster "${name}" in ${directory} has the same addresses as cluster "${other.name}" in ${other.directory}`,
      "one of them must go: sampan down --purge --name NAME (with SAMPAN_HOME set to the folder that it is in)",
    );
  }
  reserve(register, { index: settings.index, name, directory: real(directory), settings });
  return instance;
}

async function choose(
  request: InstanceRequest,
  home: string,
  register: string,
  addresses: readonly string[],
): Promise<Instance> {
  const { name } = request;
  const settings = await chooseSettings(request, home, register, addresses);
  const directory = openFolder(name, home);
  writeDurably(join(directory, "instance.json"), settingsText(settings));
  reserve(register, { index: settings.index, name, directory: real(directory), settings });
  return { name, directory, settings };
}

const settingsText = (settings: InstanceSettings): string => `${JSON.stringify(settings, undefined, 2)}\n`;

/** Free addresses and a free port; those of `like`, where they are free. */
async function chooseSettings(
  request: InstanceRequest,
  home: string,
  register: string,
  addresses: readonly string[],
  like?: InstanceSettings,
): Promise<InstanceSettings> {
  const { name, runtime, apiPort } = request;
  const others = [...reservations(register), ...unregistered(home)];
  const taken = new Set(others.map(({ index }) => index));
  const candidates = Array.from({ length: maxInstances }, (_, candidate) => candidate);
  const index = [...(like === undefined ? [] : [like.index]), ...candidates].find(
    (free) => !taken.has(free) && !meets(addresses, free),
  );
  if (index === undefined) {
    throw new InstanceError(
      `there are ${taken.size} clusters on this machine already, and no address range is left`,
      `remove one with: sampan down --purge --name NAME\n${others.map((other) => `  ${other.name} in ${other.directory}`).join("\n")}`,
    );
  }
  const ports = new Map(others.map((other) => [portOf(other), other.name]));
  if (apiPort !== undefined) await requirePort(apiPort, ports.get(apiPort));
  const isFree = async (port: number): Promise<boolean> => !ports.has(port) && (await canListen(port));
  const sameAgain = like !== undefined && (await isFree(like.apiPort)) ? like.apiPort : undefined;
  return {
    index,
    runtime,
    apiPort: apiPort ?? sameAgain ?? (await freePort(6443, ports)),
    podCidr: `10.${244 - index}.0.0/16`,
    serviceCidr: `10.${96 + index}.0.0/16`,
    dnsAddress: `10.${96 + index}.0.10`,
    interfacePrefix: interfacePrefix(name, index),
    ...(like?.nodes !== undefined && { nodes: like.nodes }),
  };
}

/**
 * Makes a cluster of a folder that was prepared in the same home: `prepare` is told the settings that were chosen, like
 * those given where they are free, and the folder becomes the cluster's when it has resolved. Throws InstanceError when
 * there is a cluster of the name.
 */
export async function adoptFolder(
  {
    name,
    prepared,
    like,
  }: { readonly name: string; readonly prepared: string; readonly like: InstanceSettings },
  prepare: (instance: Instance) => Promise<void>,
  home = homeDirectory(),
  { register, addresses }: Machine = thisMachine(home),
): Promise<Instance> {
  return await withRegisterLock(register, async () => {
    const directory = join(home, name);
    if (existsSync(directory)) {
      throw new InstanceError(`there is a cluster "${name}" already`, "take another name");
    }
    const request = { name, runtime: like.runtime };
    const settings = await chooseSettings(request, home, register, addresses(), like);
    const instance = { name, directory, settings };
    await prepare(instance);
    chmodSync(prepared, 0o700);
    writeDurably(join(prepared, "instance.json"), settingsText(settings));
    renameSync(prepared, directory);
    reserve(register, { index: settings.index, name, directory: real(directory), settings });
    return instance;
  });
}

/** Clusters of this home that started before there was a register. */
function unregistered(home: string): Reservation[] {
  return listFolders(home).flatMap(({ name, directory, settings }) =>
    settings === undefined ? [] : [{ index: settings.index, name, directory: real(directory), settings }],
  );
}

const portOf = ({ settings }: Reservation): number | undefined =>
  isSettings(settings) ? settings.apiPort : undefined;

async function requirePort(port: number, cluster: string | undefined): Promise<void> {
  const remedy = "name another with --port, or leave it out: the first free one is taken";
  if (cluster !== undefined) throw new InstanceError(`port ${port} is kept for cluster "${cluster}"`, remedy);
  if (!(await canListen(port)))
    throw new InstanceError(`port ${port} of 127.0.0.1 is in use by another program`, remedy);
}

/** Whether the machine itself has an address or a network in the ranges: a cluster that the register cannot know, a VPN. */
function meets(addresses: readonly string[], index: number): boolean {
  const starts = [`10.${96 + index}.`, `10.${244 - index}.`];
  return addresses.some((address) => starts.some((start) => address.startsWith(start)));
}

/**
 * A letter, the index, then letters of the name: `s0sampan`. The index has one digit and comes first, so that no cluster's
 * prefix begins another's; names of nftables begin with a letter.
 */
function interfacePrefix(name: string, index: number): string {
  return `s${index.toString(maxInstances)}${name.replaceAll("-", "").slice(0, 6)}`;
}

/** Undefined where there is none. Throws InstanceError when they are there and cannot be used. */
function readSettings(name: string, directory: string): InstanceSettings | undefined {
  const file = join(directory, "instance.json");
  const purge = `sampan down --purge --name ${name}`;
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const remedy =
      code === "EACCES"
        ? "it belongs to another user: run as that user, or as root"
        : `mend what keeps it from being read, or remove the cluster with: ${purge}`;
    const what = code === "EACCES" ? "cannot be read" : "is damaged";
    throw new InstanceError(`cluster "${name}" ${what}: ${message}`, remedy, { cause });
  }
  const settings = parsed(content);
  if (isSettings(settings)) return settings;
  throw new InstanceError(
    `cluster "${name}" is damaged: ${file} does not hold its settings`,
    `restore that file from a copy, or remove the cluster with: ${purge}`,
  );
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

const settingTypes: Readonly<Record<Exclude<keyof InstanceSettings, "nodes">, "number" | "string">> = {
  index: "number",
  runtime: "string",
  apiPort: "number",
  podCidr: "string",
  serviceCidr: "string",
  dnsAddress: "string",
  interfacePrefix: "string",
};

/** Whether a value read from disk can be an instance's settings. */
export function isSettings(value: unknown): value is InstanceSettings {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map(Object.entries(value));
  return (
    Object.entries(settingTypes).every(([field, type]) => typeof fields.get(field) === type) &&
    ["number", "undefined"].includes(typeof fields.get("nodes"))
  );
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Writes a file that only its owner may read, whole or not at all. */
export function writePrivate(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, file);
}

async function freePort(from: number, taken: ReadonlyMap<number | undefined, string>): Promise<number> {
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
  /** False while it starts. */
  readonly ready: boolean;
  /** What keeps it from becoming ready, once that is known. */
  readonly trouble?: string;
  /** It answers SIGUSR2 (snapshot/answer-request.ts). */
  readonly takesSnapshots?: true;
}

/**
 * Notes which process runs the instance. Who starts it notes it too, in the moment that it is there: whoever is interrupted
 * then leaves a server behind that the next command finds.
 */
export function recordServer(instance: Instance, pid: number, ready: boolean, trouble?: string): void {
  const startedMs = pid === process.pid ? performance.timeOrigin : performance.timeOrigin + performance.now();
  const record: ServerRecord = {
    pid,
    startTime: processStartTime(pid) ?? "",
    apiPort: instance.settings.apiPort,
    startedAt: new Date(startedMs).toISOString(),
    ready,
    ...(ready ? { takesSnapshots: true } : {}),
    ...(trouble === undefined ? {} : { trouble }),
  };
  writePrivate(join(instance.directory, "server.json"), `${JSON.stringify(record)}\n`);
}

/** The record of a server that runs now, or undefined. */
export function runningServer(instance: Pick<Instance, "directory">): ServerRecord | undefined {
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
