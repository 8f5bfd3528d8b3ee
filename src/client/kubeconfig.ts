import {
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { isObject } from "../apimachinery/json.ts";
import { parseYaml, printYaml } from "../apimachinery/yaml.ts";
import type { HttpsTransportOptions } from "./https-transport.ts";

/**
 * The kubeconfig file: clusters, users, and contexts that pair them. Read as client-go reads it: KUBECONFIG may list
 * several files, of which the first that names something wins, and relative paths start at the file they stand in.
 */
export interface Kubeconfig {
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly contexts: ReadonlyMap<string, ContextEntry>;
  /** The empty string when none is set. */
  readonly currentContext: string;
}

export interface ClusterEntry {
  readonly server?: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "tls-server-name"?: string;
}

export interface UserEntry {
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly as?: string;
  readonly "as-groups"?: readonly string[];
  readonly "as-uid"?: string;
  readonly exec?: { readonly command?: string };
  readonly "auth-provider"?: { readonly name?: string };
}

export interface ContextEntry {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

/** What a kubeconfig says cannot be used; the message is meant for the person at the keyboard. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

export interface ResolvedContext {
  readonly name: string;
  /** `default` when the context names none. */
  readonly namespace: string;
  readonly transport: HttpsTransportOptions;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The files that make up the configuration: those of KUBECONFIG, else `~/.kube/config`. */
export function kubeconfigPaths(environment: Environment): string[] {
  const listed = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (listed.length > 0) return [...new Set(listed)];
  return [join(environment["HOME"] ?? homedir(), ".kube", "config")];
}

/** The file that a new context belongs in: the first that exists, else the last. */
export function kubeconfigPathToWrite(environment: Environment): string {
  const paths = kubeconfigPaths(environment);
  const existing = paths.find((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
  return existing ?? paths.at(-1) ?? "";
}

/** Merges the files. Those that do not exist count as empty. Throws KubeconfigError for one that cannot be read. */
export function loadKubeconfig(paths: readonly string[]): Kubeconfig {
  const merged = {
    clusters: new Map<string, ClusterEntry>(),
    users: new Map<string, UserEntry>(),
    contexts: new Map<string, ContextEntry>(),
    currentContext: "",
  };
  for (const path of paths) {
    const file = readFile(path);
    if (file === undefined) continue;
    const directory = dirname(resolve(path));
    if (merged.currentContext === "") merged.currentContext = textOf(file["current-context"]);
    addNew(merged.clusters, entriesOf(file, "clusters", "cluster"), directory);
    addNew(merged.users, entriesOf(file, "users", "user"), directory);
    addNew(merged.contexts, entriesOf(file, "contexts", "context"), directory);
  }
  return merged;
}

/** How to reach and be known to the cluster of a context (the current one by default). Throws KubeconfigError. */
export function resolveContext(
  config: Kubeconfig,
  choice: { readonly context?: string; readonly cluster?: string; readonly user?: string } = {},
): ResolvedContext {
  const name = choice.context ?? config.currentContext;
  const context = config.contexts.get(name);
  if (context === undefined && choice.cluster === undefined) {
    throw new KubeconfigError(
      name === "" ? "current-context is not set" : `context "${name}" does not exist`,
    );
  }
  const clusterName = choice.cluster ?? context?.cluster ?? "";
  const cluster = config.clusters.get(clusterName);
  if (cluster === undefined) throw new KubeconfigError(`cluster "${clusterName}" does not exist`);
  if (cluster.server === undefined || cluster.server === "") {
    throw new KubeconfigError(`cluster has no server defined`);
  }
  const userName = choice.user ?? context?.user ?? "";
  const user = config.users.get(userName);
  if (user === undefined && userName !== "")
    throw new KubeconfigError(`auth info "${userName}" does not exist`);
  const namespace =
    context?.namespace === undefined || context.namespace === "" ? "default" : context.namespace;
  const transport = {
    server: cluster.server,
    ...clusterOptions(cluster),
    ...userOptions(userName, user ?? {}),
  };
  return { name, namespace, transport };
}

/** The configuration of a pod that talks to its own cluster; undefined outside of one. */
export function inClusterConfig(
  environment: Environment,
  directory = "/var/run/secrets/kubernetes.io/serviceaccount",
): ResolvedContext | undefined {
  const host = environment["KUBERNETES_SERVICE_HOST"];
  const port = environment["KUBERNETES_SERVICE_PORT"];
  const tokenFile = join(directory, "token");
  if (host === undefined || port === undefined || !exists(tokenFile)) return undefined;
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const ca = join(directory, "ca.crt");
  const namespaceFile = join(directory, "namespace");
  return {
    name: "in-cluster",
    namespace: exists(namespaceFile) ? readFileSync(namespaceFile, "utf8").trim() : "default",
    transport: { server, tokenFile, ...(exists(ca) ? { ca: readFileSync(ca, "utf8") } : {}) },
  };
}

export interface NewContext {
  /** Names the context, its cluster and its user alike. */
  readonly name: string;
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  readonly namespace?: string;
}

/**
 * Writes a context with its cluster and user into the file, in place of those of the same name, and makes it the
 * current one. All else in the file is kept. The file is replaced in one step and readable by its owner only.
 */
export function writeContext(path: string, context: NewContext): void {
  withLock(path, () => addContext(path, context));
}

function addContext(path: string, context: NewContext): void {
  const file = readFile(path) ?? { apiVersion: "v1", kind: "Config", preferences: {} };
  const { name, server, namespace } = context;
  setEntry(file, "clusters", {
    name,
    cluster: { "certificate-authority-data": encoded(context.ca), server },
  });
  setEntry(file, "users", {
    name,
    user: {
      "client-certificate-data": encoded(context.clientCertificate),
      "client-key-data": encoded(context.clientKey),
    },
  });
  const place = namespace === undefined ? {} : { namespace };
  setEntry(file, "contexts", { name, context: { cluster: name, user: name, ...place } });
  file["current-context"] = name;
  replaceFile(path, file);
}

/** PEM. */
export interface RenewedCredentials {
  readonly ca: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** Which certificates that stand in a file the new ones take the place of. */
  readonly replacesCa: (pem: string) => boolean;
  readonly replacesClient: (pem: string) => boolean;
}

/**
 * Puts renewed credentials where older ones stand, under whatever names; all else stays, also which context is the current
 * one. Answers whether there were any. A file that does not exist has none; one that another program is just writing is an
 * error at once, because a server must not stand still for it.
 */
export function renewCredentials(path: string, renewed: RenewedCredentials): boolean {
  if (!exists(path)) return false;
  return withLock(path, () => replaceCredentials(path, renewed), 0);
}

function replaceCredentials(path: string, renewed: RenewedCredentials): boolean {
  const file = readFile(path);
  if (file === undefined) return false;
  let isChanged = false;
  const replace = (
    [list, member]: readonly [string, string],
    field: string,
    [isOld, values]: readonly [(pem: string) => boolean, Readonly<Record<string, string>>],
  ): void => {
    for (const entry of listOf(file, list)) {
      const value = entry[member];
      const old = isObject(value) ? decoded(textOf(value[field])) : "";
      if (!isObject(value) || old === "" || old === values[field] || !isOld(old)) continue;
      for (const [key, pem] of Object.entries(values)) value[key] = encoded(pem);
      isChanged = true;
    }
  };
  replace(["clusters", "cluster"], "certificate-authority-data", [
    renewed.replacesCa,
    { "certificate-authority-data": renewed.ca },
  ]);
  replace(["users", "user"], "client-certificate-data", [
    renewed.replacesClient,
    { "client-certificate-data": renewed.clientCertificate, "client-key-data": renewed.clientKey },
  ]);
  if (isChanged) replaceFile(path, file);
  return isChanged;
}

/** Makes a context of the file the current one; one that is not there leaves the file as it is. */
export function useContext(path: string, name: string): void {
  if (!exists(path)) return;
  withLock(path, () => {
    const file = readFile(path);
    if (file === undefined || !listOf(file, "contexts").some((entry) => entry["name"] === name)) return;
    file["current-context"] = name;
    replaceFile(path, file);
  });
}

/** Takes a context, its cluster and its user out of the file. A file or context that does not exist is no error. */
export function removeContext(path: string, name: string): void {
  if (exists(path)) withLock(path, () => takeContext(path, name));
}

function takeContext(path: string, name: string): void {
  const file = readFile(path);
  if (file === undefined) return;
  for (const list of ["clusters", "users", "contexts"]) {
    file[list] = listOf(file, list).filter((entry) => entry["name"] !== name);
  }
  if (file["current-context"] === name) file["current-context"] = "";
  replaceFile(path, file);
}

function clusterOptions(cluster: ClusterEntry): Partial<HttpsTransportOptions> {
  const insecure = cluster["insecure-skip-tls-verify"] === true;
  const ca = pemOf(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const name = cluster["tls-server-name"];
  return {
    ...(ca === undefined || insecure ? {} : { ca }),
    ...(insecure ? { insecureSkipTlsVerify: true } : {}),
    ...(name === undefined || name === "" ? {} : { tlsServerName: name }),
  };
}

function userOptions(name: string, user: UserEntry): Partial<HttpsTransportOptions> {
  if (user.exec !== undefined) {
    throw new KubeconfigError(
      `user "${name}" asks for the exec plugin "${user.exec.command ?? ""}": exec plugins are not supported yet`,
    );
  }
  const provider = user["auth-provider"]?.name;
  if (provider !== undefined) {
    throw new KubeconfigError(
      `user "${name}" asks for the auth provider "${provider}", which is not supported`,
    );
  }
  const clientCertificate = pemOf(user["client-certificate-data"], user["client-certificate"]);
  const clientKey = pemOf(user["client-key-data"], user["client-key"]);
  const { token, tokenFile, username, password, as, "as-groups": groups, "as-uid": uid } = user;
  return {
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientKey === undefined ? {} : { clientKey }),
    // A token in the file itself wins over a token's file.
    ...(token === undefined || token === "" ? {} : { token }),
    ...(tokenFile === undefined || (token !== undefined && token !== "") ? {} : { tokenFile }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(as === undefined
      ? {}
      : {
          impersonate: {
            user: as,
            ...(groups === undefined ? {} : { groups }),
            ...(uid === undefined ? {} : { uid }),
          },
        }),
  };
}

/** Embedded data wins over a file. */
function pemOf(data: string | undefined, path: string | undefined): string | undefined {
  if (data !== undefined && data !== "") return Buffer.from(data, "base64").toString();
  if (path === undefined || path === "") return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new KubeconfigError(`unable to read ${path}`, { cause: error });
  }
}

type KubeconfigFile = Record<string, unknown>;

function readFile(path: string): KubeconfigFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isObject(error) && error["code"] === "ENOENT") return undefined;
    throw new KubeconfigError(`error loading config file "${path}": ${messageOf(error)}`, { cause: error });
  }
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    throw new KubeconfigError(`error loading config file "${path}": ${messageOf(error)}`, { cause: error });
  }
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new KubeconfigError(`error loading config file "${path}": it holds no object`);
  return value;
}

function entriesOf(file: KubeconfigFile, list: string, field: string): [string, Record<string, unknown>][] {
  return listOf(file, list).map((entry) => {
    const value = entry[field];
    return [textOf(entry["name"]), isObject(value) ? value : {}];
  });
}

function listOf(file: KubeconfigFile, list: string): Record<string, unknown>[] {
  const entries = file[list];
  return Array.isArray(entries) ? entries.filter(isObject) : [];
}

const pathFields = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

function addNew<T>(
  known: Map<string, T>,
  entries: readonly [string, Record<string, unknown>][],
  directory: string,
): void {
  for (const [name, entry] of entries) {
    if (known.has(name)) continue;
    const located = { ...entry };
    for (const field of pathFields) {
      const path = located[field];
      if (typeof path === "string" && path !== "" && !isAbsolute(path))
        located[field] = join(directory, path);
    }
    known.set(name, located as T);
  }
}

function setEntry(file: KubeconfigFile, list: string, entry: Record<string, unknown>): void {
  const entries = listOf(file, list);
  const index = entries.findIndex(({ name }) => name === entry["name"]);
  if (index < 0) entries.push(entry);
  else entries[index] = entry;
  file[list] = entries;
}

/** So long another writer may take; it reads, and writes a file. */
const lockMsMax = 2000;
const lockPollMs = 10;

/** Writers take turns, by the lock file that kubectl uses too: none undoes what another wrote. */
function withLock<T>(path: string, work: () => T, waitMsMax = lockMsMax): T {
  mkdirSync(dirname(resolve(path)), { recursive: true, mode: 0o750 });
  const lock = `${path}.lock`;
  for (let waitedMs = 0; !take(lock); waitedMs += lockPollMs) {
    if (waitedMs >= waitMsMax) {
      throw new KubeconfigError(`${path} is locked by another program; if none writes it, remove ${lock}`);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPollMs);
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string): boolean {
  try {
    closeSync(openSync(lock, "wx", 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function replaceFile(given: string, file: KubeconfigFile): void {
  // A link stays a link; what it leads to is replaced.
  const path = exists(given) ? realpathSync(given) : given;
  const temporary = `${path}.${process.pid}.tmp`;
  const before = statSync(path, { throwIfNoEntry: false });
  try {
    // Whatever lies there is no file of ours, nor a link that is followed.
    rmSync(temporary, { force: true });
    writeFileSync(temporary, printYaml(file), { mode: 0o600, flag: "wx" });
    if (before !== undefined && before.uid !== process.getuid?.()) keepOwner(temporary, before);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** What root writes stays its owner's; where root may not give it away, it is root's. */
function keepOwner(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  try {
    chownSync(path, uid, gid);
  } catch {
    return;
  }
}

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;
const encoded = (pem: string): string => Buffer.from(pem).toString("base64");
const decoded = (data: string): string => Buffer.from(data, "base64").toString();
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
