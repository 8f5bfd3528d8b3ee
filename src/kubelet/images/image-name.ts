/**
 * The grammar of image references, as the kubelet checks it before anybody is asked. Mirrors
 * github.com/distribution/reference.
 */
const host =
  /(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\]/;
const component = /[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/;
const name = `(?:(?:${host.source})(?::[0-9]+)?/)?${component.source}(?:/${component.source})*`;
const reference = new RegExp(
  `^(${name})(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
);

export interface ImageName {
  /** As written, with `:latest` where neither tag nor digest was given. */
  readonly reference: string;
  /** The registry's host, `docker.io` when none was written. */
  readonly registry: string;
  /** Without the registry, `library/` put in front of Docker's own. */
  readonly repository: string;
}

/** Reads an image reference; the text says what is wrong with it. */
export function parseImageName(text: string): ImageName | string {
  const [, named = "", tag, digest] = reference.exec(text) ?? [];
  if (named === "") return `couldn't parse image name "${text}": ${fault(text)}`;
  const first = named.split("/")[0] ?? "";
  const hosted =
    named.includes("/") && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const registry = hosted ? first : "docker.io";
  const path = hosted ? named.slice(first.length + 1) : named;
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  return {
    reference: tag === undefined && digest === undefined ? `${text}:latest` : text,
    registry: registry === "index.docker.io" ? "docker.io" : registry,
    repository,
  };
}

function fault(text: string): string {
  if (reference.test(text.toLowerCase()))
    return "invalid reference format: repository name must be lowercase";
  return "invalid reference format";
}
