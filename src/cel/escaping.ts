/** Words of the language, and words kept for later: no names in expressions. */
export const reservedWords: ReadonlySet<string> = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

/** A property's name as expressions write it: `a-b` is `a__dash__b`. Undefined when no expression can name it. */
export function escapeField(name: string): string | undefined {
  if (name === "" || /^[0-9]/u.test(name)) return undefined;
  if (reservedWords.has(name)) return `__${name}__`;
  if (/[^a-zA-Z0-9\-./_]/u.test(name)) return undefined;
  if (!/__|[-./]/u.test(name)) return name;
  return name.replaceAll(/__|[-./]/gu, (found) => escapes[found] ?? found);
}

const escapes: Readonly<Record<string, string>> = {
  __: "__underscores__",
  "-": "__dash__",
  ".": "__dot__",
  "/": "__slash__",
};

const unescapes: Readonly<Record<string, string>> = { underscores: "__", dash: "-", dot: ".", slash: "/" };

/** The property's name behind the name in an expression; undefined for a name that escaping never gives. */
export function unescapeField(escaped: string): string | undefined {
  if (!escaped.includes("__")) return escaped;
  let valid = true;
  const name = escaped.replaceAll(/_{2}([^_]+)_{2}/gu, (whole, content: string) => {
    const plain = unescapes[content];
    if (plain !== undefined) return plain;
    if (reservedWords.has(content)) {
      // A reserved word is only escaped when it is the whole name.
      if (whole.length !== escaped.length) valid = false;
      return content;
    }
    valid = false;
    return "";
  });
  return valid ? name : undefined;
}
