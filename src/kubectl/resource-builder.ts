import type { UnstructuredObject } from "../apimachinery/object.ts";
import { KubectlError, PlainError } from "./errors.ts";
import type { FlagSpecs, Flags } from "./flags.ts";
import type { KubectlIo } from "./io.ts";
import { type Manifest, ManifestError, parseManifests, readManifests } from "./manifests.ts";
import type { MappedResource } from "./rest-mapper.ts";
import type { Session } from "./session.ts";

/** One thing that a command is about: named on the command line, or read from a file. */
export interface Target {
  readonly resource: MappedResource;
  /** Undefined for resources of the whole cluster. */
  readonly namespace: string | undefined;
  readonly name: string;
  /** What the file says; undefined when only named. */
  readonly object?: UnstructuredObject;
  /** The file. */
  readonly source?: string;
}

/** What the arguments ask for: named things, or whole resources. */
export type Query =
  | { readonly kind: "names"; readonly targets: readonly Target[]; readonly isSingle: boolean }
  | { readonly kind: "lists"; readonly resources: readonly MappedResource[] };

export const filenameFlags: FlagSpecs = {
  filename: { type: "list", short: "f", help: "file, folder or - for standard input" },
  kustomize: { type: "string", short: "k", help: "folder with a kustomization" },
  recursive: { type: "bool", short: "R", help: "also read the folders below" },
};

/** Whether objects are read from files or from a kustomization. */
export function hasFiles(flags: Flags): boolean {
  const files = flags.list("filename").length > 0;
  const kustomizes = hasKustomization(flags);
  if (files && kustomizes) throw new KubectlError("only one of -f or -k can be specified");
  return files || kustomizes;
}

const missingResource = `You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'`;

/** The objects of the files of `-f`, each with its resource. Throws when one of them is of a kind that is not served. */
export async function readTargets(session: Session, flags: Flags): Promise<Target[]> {
  return (await readTargetsLoosely(session, flags)).map((target) => {
    if (target instanceof Error) throw target;
    return target;
  });
}

/** The same, with an error in the place of each object that has no resource. */
export async function readTargetsLoosely(session: Session, flags: Flags): Promise<(Target | Error)[]> {
  const manifests = hasKustomization(flags)
    ? await kustomized(session, flags.string("kustomize"))
    : await manifestsOf(session, flags.list("filename"), flags.bool("recursive"));
  const targets: (Target | Error)[] = [];
  for (const manifest of manifests) {
    try {
      targets.push(await targetOf(session, manifest));
    } catch (error) {
      if (!(error instanceof KubectlError)) throw error;
      targets.push(error);
    }
  }
  return targets;
}

const hasKustomization = (flags: Flags): boolean =>
  flags.has("kustomize") && flags.string("kustomize") !== "";

async function kustomized({ io }: Session, folder: string): Promise<Manifest[]> {
  const { buildKustomization } = await import("./kustomize/build.ts");
  try {
    return buildKustomization(folder, (text) => io.err(text)).map((object) => ({ object, source: folder }));
  } catch (error) {
    // kubectl prints these without `error: `, unlike those of `kubectl kustomize`.
    throw error instanceof KubectlError ? new PlainError(error.message, { cause: error }) : error;
  }
}

async function manifestsOf(
  { io }: Session,
  paths: readonly string[],
  recursive: boolean,
): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const path of paths) {
    if (path === "-") manifests.push(...(await parseOrFail(io)));
    else if (/^https?:\/\//.test(path)) manifests.push(...(await fetchManifests(path)));
    else manifests.push(...readOrFail([path], recursive));
  }
  return manifests;
}

async function parseOrFail({ stdin }: KubectlIo): Promise<Manifest[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin.stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return orFail(() => parseManifests(Buffer.concat(chunks).toString(), "STDIN"));
}

function readOrFail(paths: readonly string[], recursive: boolean): Manifest[] {
  return orFail(() => readManifests(paths, { recursive }));
}

function orFail(read: () => Manifest[]): Manifest[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof ManifestError) throw new KubectlError(error.message, { cause: error });
    throw error;
  }
}

async function fetchManifests(url: string): Promise<Manifest[]> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new KubectlError(`unable to read URL ${JSON.stringify(url)}: ${cause}`, { cause: error });
  }
  if (!response.ok) {
    throw new KubectlError(
      `unable to read URL ${JSON.stringify(url)}, server reported ${response.status} ${response.statusText}, status code=${response.status}`,
    );
  }
  return parseManifests(await response.text(), url);
}

/** The target of an object from a file. Throws KubectlError for kinds that the server does not have. */
async function targetOf(session: Session, { object, source }: Manifest): Promise<Target> {
  const { apiVersion, kind, metadata } = object;
  const name = metadata.name ?? "";
  const resource = await session.mapper.forKind(apiVersion, kind);
  if (resource === undefined) {
    throw new KubectlError(
      `resource mapping not found for name: ${JSON.stringify(name)} namespace: ${JSON.stringify(metadata.namespace ?? "")} from ${JSON.stringify(source)}: no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}\nensure CRDs are installed first`,
    );
  }
  return { ...inNamespace(session, resource, object), resource, name, source };
}

/** An object without a namespace goes where the command goes; one with another than was asked for goes nowhere. */
function inNamespace(
  session: Session,
  resource: MappedResource,
  object: UnstructuredObject,
): { namespace: string | undefined; object: UnstructuredObject } {
  if (!resource.namespaced) return { namespace: undefined, object };
  const own = object.metadata.namespace ?? "";
  const asked = session.namespace;
  if (own === "") {
    return { namespace: asked, object: { ...object, metadata: { ...object.metadata, namespace: asked } } };
  }
  if (session.namespaceGiven && own !== asked) {
    throw new KubectlError(
      `the namespace from the provided object ${JSON.stringify(own)} does not match the namespace ${JSON.stringify(asked)}. You must pass '--namespace=${own}' to perform this operation.`,
    );
  }
  return { namespace: own, object };
}

export interface ArgumentOptions {
  /** Types without names mean all of them; otherwise names are required unless a selector is given. */
  readonly typesMeanAll?: boolean;
  readonly selected?: boolean;
  readonly allNamespaces?: boolean;
}

/** What the arguments name: `pods`, `pods a b`, `pods,services a`, `pod/a service/b`. */
export async function parseTargets(
  session: Session,
  args: readonly string[],
  { typesMeanAll = false, selected = false, allNamespaces = false }: ArgumentOptions = {},
): Promise<Query> {
  if (args.length === 0) throw new KubectlError(missingResource);
  const combined = args.filter((arg) => arg.includes("/"));
  if (combined.length > 0) {
    if (combined.length !== args.length) throw new KubectlError(mixedForms);
    if (selected)
      throw new KubectlError(
        "selectors and the all flag cannot be used when passing resource/name arguments",
      );
    if (allNamespaces) throw new KubectlError(namesAcrossNamespaces);
    const targets = await Promise.all(args.map((arg) => combinedTarget(session, arg)));
    return { kind: "names", targets, isSingle: targets.length === 1 };
  }
  const [types = "", ...names] = args;
  const resources = await resourcesOf(session, types);
  if (names.length === 0) {
    if (!typesMeanAll && !selected) {
      throw new KubectlError("resource(s) were provided, but no name was specified");
    }
    return { kind: "lists", resources };
  }
  if (selected) throw new KubectlError("name cannot be provided when a selector is specified");
  if (allNamespaces) throw new KubectlError(namesAcrossNamespaces);
  const targets = resources.flatMap((resource) => names.map((name) => targetNamed(session, resource, name)));
  return { kind: "names", targets, isSingle: targets.length === 1 };
}

const namesAcrossNamespaces = "a resource cannot be retrieved by name across all namespaces";
const mixedForms =
  "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'";

export function targetNamed(session: Session, resource: MappedResource, name: string): Target {
  return { resource, namespace: resource.namespaced ? session.namespace : undefined, name };
}

async function combinedTarget(session: Session, arg: string): Promise<Target> {
  const [type = "", name = "", ...rest] = arg.split("/");
  if (rest.length > 0)
    throw new KubectlError("arguments in resource/name form may not have more than one slash");
  if (type === "" || name === "") {
    throw new KubectlError(`arguments in resource/name form must have a single resource and name`);
  }
  return targetNamed(session, await resourceOf(session, type), name);
}

/** The resources of `pods,services` or of a category such as `all`; none twice. */
async function resourcesOf(session: Session, types: string): Promise<MappedResource[]> {
  const found: MappedResource[] = [];
  for (const type of types.split(",")) {
    if (type === "") continue;
    const category = await session.mapper.forCategory(type);
    for (const resource of category.length > 0 ? category : [await resourceOf(session, type)]) {
      if (!found.some((known) => known.group === resource.group && known.resource === resource.resource)) {
        found.push(resource);
      }
    }
  }
  return found;
}

/** The resource of a name. Throws when the server has none. */
export async function resourceOf(session: Session, type: string): Promise<MappedResource> {
  const resource = await session.mapper.forName(type);
  if (resource === undefined) {
    // A version or group that does not have it is not named.
    const [plain = ""] = type.split(".");
    throw new KubectlError(`the server doesn't have a resource type ${JSON.stringify(plain)}`);
  }
  for (const { group, resource: other } of await session.mapper.shadowed(type)) {
    const shown = `${other}.${group}`;
    session.warn(`short name ${JSON.stringify(type)} could also match lower priority resource ${shown}`);
  }
  return resource;
}

/** The kind of a resource as `type/name` is printed: `pod`, `deployment.apps`. */
export function typeName({ kind, group }: { kind: string; group: string }): string {
  return group === "" ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`;
}
