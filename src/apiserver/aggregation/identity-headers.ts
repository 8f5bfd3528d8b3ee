import type { UserInfo } from "../request-context.ts";

/** Says of them in requests between API servers who asks. From anybody else they are not believed, nor passed on. */
const prefix = "x-remote-";

export const isIdentityHeader = (name: string): boolean => name.startsWith(prefix);

/** Who asks, for a server that trusts this one (client-go's transport.SetAuthProxyHeaders is the other half). */
export function identityHeaders({ name, uid, groups, extra }: UserInfo): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { "x-remote-user": bytes(name) };
  if (uid !== "") headers["x-remote-uid"] = bytes(uid);
  if (groups.length > 0) headers["x-remote-group"] = groups.map(bytes);
  for (const [key, values] of Object.entries(extra)) {
    if (values.length > 0) headers[`x-remote-extra-${escapeKey(key)}`] = values.map(bytes);
  }
  return headers;
}

/** Headers are bytes, and names are UTF-8: Node takes each character for a byte. */
const bytes = (text: string): string => Buffer.from(text).toString("latin1");

/** What may stand in the name of a header; the percent sign marks what may not. */
const legal = /[!#$&'*+.^_`|~0-9A-Za-z-]/;

function escapeKey(key: string): string {
  return Array.from(Buffer.from(key), (byte) => {
    const character = String.fromCodePoint(byte);
    return legal.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}
