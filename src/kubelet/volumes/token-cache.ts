import type { TokenRequest } from "../../api/types/authentication-v1.ts";
import type { Pod } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Client } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";

/** A token is replaced when a fifth of its life is left, or when it is a day old. */
const renewShare = 0.8;
const ageMaxMs = 24 * 3_600_000;

/** ServiceAccount tokens bound to pods, asked for at the API server and renewed in time. */
export class TokenCache {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, { token: string; renewAtMs: number; expiresAtMs: number }>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** A token that is good for a while. An old one serves on while a new one cannot be had, until it expires. */
  async get(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string> {
    const key = `${pod.metadata.uid}/${audience ?? ""}/${expirationSeconds}`;
    const known = this.#tokens.get(key);
    const nowMs = this.#clock.now();
    if (known !== undefined && nowMs < known.renewAtMs) return known.token;
    try {
      return await this.#request(key, pod, audience, expirationSeconds);
    } catch (error) {
      if (known !== undefined && nowMs < known.expiresAtMs) return known.token;
      throw error;
    }
  }

  /** True when a token of the pod is due to be renewed. */
  due(uid: string): boolean {
    const nowMs = this.#clock.now();
    return [...this.#tokens].some(([key, { renewAtMs }]) => key.startsWith(`${uid}/`) && nowMs >= renewAtMs);
  }

  forget(uid: string): void {
    for (const key of this.#tokens.keys()) if (key.startsWith(`${uid}/`)) this.#tokens.delete(key);
  }

  async #request(
    key: string,
    pod: Pod,
    audience: string | undefined,
    expirationSeconds: number,
  ): Promise<string> {
    const { name = "", namespace, uid = "" } = pod.metadata;
    const body: TokenRequest = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: {
        audiences: audience === undefined || audience === "" ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      },
    };
    const accounts = this.#client.resource(resources.serviceaccounts);
    const account = pod.spec?.serviceAccountName ?? "default";
    const answer = await accounts.postSubresource<TokenRequest>(account, "token", body, { namespace });
    const nowMs = this.#clock.now();
    const { token = "", expirationTimestamp } = answer.status ?? {};
    const given = expirationTimestamp === undefined ? Number.NaN : Date.parse(expirationTimestamp);
    const expiresAtMs = Number.isNaN(given) ? nowMs + expirationSeconds * 1000 : given;
    const renewAtMs = nowMs + Math.min(ageMaxMs, (expiresAtMs - nowMs) * renewShare);
    this.#tokens.set(key, { token, renewAtMs, expiresAtMs });
    return token;
  }
}
