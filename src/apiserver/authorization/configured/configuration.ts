import type { Schema } from "../../../apimachinery/schema.ts";

/** As the file has it: everything may be missing. An AuthorizationConfiguration of apiserver.config.k8s.io. */
export interface RawConfiguration {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly authorizers?: readonly RawAuthorizer[];
}

export interface RawAuthorizer {
  readonly type?: string;
  readonly name?: string;
  readonly webhook?: RawWebhook;
}

export interface RawWebhook {
  readonly authorizedTTL?: string;
  readonly cacheAuthorizedRequests?: boolean;
  readonly unauthorizedTTL?: string;
  readonly cacheUnauthorizedRequests?: boolean;
  readonly timeout?: string;
  readonly subjectAccessReviewVersion?: string;
  readonly matchConditionSubjectAccessReviewVersion?: string;
  readonly failurePolicy?: string;
  readonly connectionInfo?: { readonly type?: string; readonly kubeConfigFile?: string };
  readonly matchConditions?: readonly { readonly expression?: string }[];
}

const text: Schema = { type: "string" };
const flag: Schema = { type: "boolean" };
const object = (properties: Readonly<Record<string, Schema>>): Schema => ({ type: "object", properties });
const list = (items: Schema): Schema => ({ type: "array", items });

/** The form of the file, for decoding. */
export const configurationSchema: Schema = object({
  apiVersion: text,
  kind: text,
  authorizers: list(
    object({
      type: text,
      name: text,
      webhook: object({
        authorizedTTL: text,
        cacheAuthorizedRequests: flag,
        unauthorizedTTL: text,
        cacheUnauthorizedRequests: flag,
        timeout: text,
        subjectAccessReviewVersion: text,
        matchConditionSubjectAccessReviewVersion: text,
        failurePolicy: text,
        connectionInfo: object({ type: text, kubeConfigFile: text }),
        matchConditions: list(object({ expression: text })),
      }),
    }),
  ),
});
