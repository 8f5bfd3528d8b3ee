import { timingSafeEqual } from "node:crypto";
import type { Secret } from "../../api/types/core-v1.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { AuthenticatedUser, TokenAuthenticator } from "./authenticator.ts";
import { groups, newUser, rejected } from "./users.ts";

const tokenPattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const secretType = "bootstrap.kubernetes.io/token";

/**
 * Tokens with which new nodes introduce themselves: `ID.SECRET`, kept as `bootstrap-token-ID` in kube-system. Mirrors
 * plugin/pkg/auth/authenticator/token/bootstrap.
 */
export class BootstrapTokenAuthenticator implements TokenAuthenticator {
  readonly #reader: ObjectReader;
  readonly #nowMs: () => number;

  constructor({ reader, nowMs }: { reader: ObjectReader; nowMs: () => number }) {
    this.#reader = reader;
    this.#nowMs = nowMs;
  }

  async authenticateToken(token: string): Promise<AuthenticatedUser | undefined> {
    const [, id = "", password = ""] = tokenPattern.exec(token) ?? [];
    if (id === "") return undefined;
    const secrets = { group: "", resource: "secrets" };
    const secret = this.#reader.get<Secret>(secrets, "kube-system", `bootstrap-token-${id}`);
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return undefined;
    const field = (key: string): string => Buffer.from(secret.data?.[key] ?? "", "base64").toString();
    if (secret.type !== secretType || field("token-id") !== id) return undefined;
    if (!equalSecrets(field("token-secret"), password)) return undefined;
    if (hasEnded(field("expiration"), this.#nowMs())) return undefined;
    if (field("usage-bootstrap-authentication") !== "true") return undefined;
    return {
      user: newUser(`system:bootstrap:${id}`, [
        groups.bootstrappers,
        ...extraGroups(field("auth-extra-groups")),
      ]),
    };
  }
}

function equalSecrets(stored: string, given: string): boolean {
  const a = Buffer.from(stored);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** No time means no end; a time that cannot be read has passed. */
function hasEnded(expiration: string, nowMs: number): boolean {
  if (expiration === "") return false;
  const endMs = Date.parse(expiration);
  return Number.isNaN(endMs) || nowMs > endMs;
}

function extraGroups(text: string): string[] {
  if (text === "") return [];
  const names = [...new Set(text.split(","))].toSorted();
  const bad = names.find((name) => !groupPattern.test(name));
  if (bad !== undefined) throw rejected(`bootstrap group "${bad}" is invalid`);
  return names;
}
