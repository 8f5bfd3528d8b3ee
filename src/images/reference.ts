/**
 * Names of images, as Docker and CRI write them: `nginx` is `docker.io/library/nginx:latest`. The grammar is that of
 * distribution/reference; names are compared in their full form only.
 */
import { CriError } from "../cri/runtime.ts";

export interface ImageReference {
  /** `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** `library/nginx`. */
  readonly repository: string;
  /** Absent only when a digest is given without a tag. */
  readonly tag?: string;
  readonly digest?: string;
}

const defaultRegistry = "docker.io";
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const registryPattern = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[a-f0-9]{64}$|^sha512:[a-f0-9]{128}$/;

/** Throws `invalidArgument` when the text cannot name an image. */
export function parseReference(text: string): ImageReference {
  const invalid = (why: string): CriError =>
    new CriError("invalidArgument", `couldn't parse image name "${text}": invalid reference format${why}`);
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !digestPattern.test(digest)) throw invalid("");
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid("");
  const [registry, path] = splitRegistry(hasTag ? named.slice(0, colon) : named);
  if (!registryPattern.test(registry)) throw invalid("");
  if (!repositoryPattern.test(path)) {
    throw invalid(path.toLowerCase() === path ? "" : `: repository name (${path}) must be lowercase`);
  }
  const repository = registry === defaultRegistry && !path.includes("/") ? `library/${path}` : path;
  if (repository.length > 255) throw invalid(": repository name must not be more than 255 characters");
  return {
    registry,
    repository,
    ...(digest !== undefined && { digest }),
    ...(tag === undefined ? digest === undefined && { tag: "latest" } : { tag }),
  };
}

/** `docker.io/library/nginx:latest`, or with `@sha256:…` when there is a digest. */
export function formatReference(reference: ImageReference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** The full form of a name. */
export function normalizeReference(text: string): string {
  return formatReference(parseReference(text));
}

/** The first part is a registry when it could not be a folder: it has a dot or a port, or is localhost. */
function splitRegistry(name: string): [registry: string, path: string] {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  if (slash === -1 || (!/[.:]/.test(first) && first !== "localhost" && first.toLowerCase() === first)) {
    return [defaultRegistry, name];
  }
  return [first === "index.docker.io" ? defaultRegistry : first, name.slice(slash + 1)];
}
