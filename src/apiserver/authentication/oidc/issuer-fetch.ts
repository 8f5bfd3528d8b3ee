import type { HttpsAnswer } from "../https-get.ts";

/** GET from an issuer, with a bearer token where one is needed. */
export type IssuerFetch = (url: string, bearerToken?: string) => Promise<HttpsAnswer>;
