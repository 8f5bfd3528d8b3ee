import type { Schema, SchemaSet } from "../../../apimachinery/schema.ts";
import type { CelProgram } from "../../../cel/index.ts";
import type { RuleExpression } from "./expressions.ts";

/**
 * Whose tokens are believed: AuthenticationConfiguration of apiserver.config.k8s.io. Read by `readConfiguration`, which
 * refuses what is wrong, so that everybody behind it may rely on what the comments here say.
 */
export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtConfiguration[];
  /** Absent: as without a configuration. */
  readonly anonymous?: AnonymousConfiguration;
}

export interface JwtConfiguration {
  readonly issuer: IssuerConfiguration;
  /** Claims that must be there, with exactly this value; names are distinct. */
  readonly claimValidationRules: readonly { readonly claim: string; readonly requiredValue: string }[];
  readonly claimMappings: {
    readonly username: PrefixedClaim;
    readonly groups?: PrefixedClaim;
    readonly uid?: { readonly claim: string };
  };
  /** What expressions say; the claims above are then empty, or rule as well. */
  readonly expressions?: JwtExpressions;
  /** Defaults to all that we verify. */
  readonly signingAlgorithms?: readonly string[];
}

/** Compiled expressions of one issuer. */
export interface JwtExpressions {
  readonly username?: CelProgram;
  readonly groups?: CelProgram;
  readonly uid?: CelProgram;
  readonly extra: readonly { readonly key: string; readonly program: CelProgram }[];
  readonly claimRules: readonly RuleExpression[];
  readonly userRules: readonly RuleExpression[];
}

export interface IssuerConfiguration {
  /** An https URL, compared with `iss` letter by letter. */
  readonly url: string;
  /** Where the discovery document is when it is not below `url`. */
  readonly discoveryURL?: string;
  /** PEM; without it the machine's own authorities are trusted. */
  readonly certificateAuthority?: string;
  /** One at least; a token must name one of them. */
  readonly audiences: readonly string[];
}

export interface PrefixedClaim {
  readonly claim: string;
  readonly prefix: string;
}

export interface AnonymousConfiguration {
  readonly enabled: boolean;
  /** The only paths for requests without credentials, letter by letter; empty: all of them. */
  readonly conditions: readonly { readonly path: string }[];
}

/** As the file has it: everything may be missing. */
export interface RawConfiguration {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly jwt?: readonly RawJwt[];
  readonly anonymous?: { readonly enabled?: boolean; readonly conditions?: readonly { path?: string }[] };
}

export interface RawJwt {
  readonly issuer?: {
    readonly url?: string;
    readonly discoveryURL?: string;
    readonly certificateAuthority?: string;
    readonly audiences?: readonly string[];
    readonly audienceMatchPolicy?: string;
    readonly egressSelectorType?: string;
  };
  readonly claimValidationRules?: readonly {
    readonly claim?: string;
    readonly requiredValue?: string;
    readonly expression?: string;
    readonly message?: string;
  }[];
  readonly claimMappings?: {
    readonly username?: RawMapping;
    readonly groups?: RawMapping;
    readonly uid?: RawMapping;
    readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[];
  };
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[];
}

export interface RawMapping {
  readonly claim?: string;
  readonly prefix?: string;
  readonly expression?: string;
}

const text: Schema = { type: "string" };
const object = (properties: Readonly<Record<string, Schema>>): Schema => ({ type: "object", properties });
const list = (items: Schema): Schema => ({ type: "array", items });

const mapping = object({ claim: text, prefix: text, expression: text });

const jwt = object({
  issuer: object({
    url: text,
    discoveryURL: text,
    certificateAuthority: text,
    audiences: list(text),
    audienceMatchPolicy: text,
    egressSelectorType: text,
  }),
  claimValidationRules: list(object({ claim: text, requiredValue: text, expression: text, message: text })),
  claimMappings: object({
    username: mapping,
    groups: mapping,
    uid: object({ claim: text, expression: text }),
    extra: list(object({ key: text, valueExpression: text })),
  }),
  userValidationRules: list(object({ expression: text, message: text })),
});

/** The form of the file, for decoding. */
export const configurationSchema: Schema = object({
  apiVersion: text,
  kind: text,
  jwt: list(jwt),
  anonymous: object({ enabled: { type: "boolean" }, conditions: list(object({ path: text })) }),
});

/** The form refers to nothing. */
export const noSchemas: SchemaSet = { get: () => undefined };
