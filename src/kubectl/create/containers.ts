/** The name of a container from its image: `registry/team/web:1@sha256:…` → `web`. */
export function containerName(image: string): string {
  const last = image.split("/").at(-1) ?? image;
  return (last.split("@")[0] ?? last).split(":")[0] ?? last;
}

/** A container, its members in Go's order. */
export function container(
  name: string,
  image: string,
  extra: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const { command, args, ports, env, ...rest } = extra;
  const present = Object.entries({ command, args, ports, env }).filter(([, value]) => value !== undefined);
  return { name, image, ...Object.fromEntries(present), resources: {}, ...rest };
}
