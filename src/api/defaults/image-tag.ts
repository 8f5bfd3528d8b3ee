/** Mirrors ParseImageName in pkg/util/parsers over github.com/distribution/reference. */
const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domain = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const nameLengthMax = 255;
const reference = new RegExp(
  `^((?:${domain}/)?${component}(?:/${component})*)(?::([A-Za-z0-9_][\\w.-]{0,127}))?(@[A-Za-z][\\w+.-]*:[0-9a-fA-F]{32,})?$`,
);

/** Whether the image names the tag "latest", in so many words or by naming neither tag nor digest. */
export function isLatestImage(image: string): boolean {
  const match = reference.exec(image);
  if (match === null || /^[a-f0-9]{64}$/.test(image)) return false;
  const [, name = "", tag, digest] = match;
  if (name.length > nameLengthMax) return false;
  return tag === "latest" || (tag === undefined && digest === undefined);
}
