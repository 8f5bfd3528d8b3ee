import { decodeObject, newStrictDecodingError } from "../../../apimachinery/decode.ts";
import { formatFieldError } from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { duplicateYamlKey, parseYaml } from "../../../apimachinery/yaml.ts";
import type { CelProgram } from "../../../cel/index.ts";
import {
  type AuthenticationConfiguration,
  configurationSchema,
  type JwtConfiguration,
  type JwtExpressions,
  noSchemas,
  type PrefixedClaim,
  type RawConfiguration,
  type RawJwt,
  type RawMapping,
} from "./authentication-configuration.ts";
import { compileMapping, compileRule } from "./expressions.ts";
import { validateConfiguration } from "./validate-configuration.ts";

const group = "apiserver.config.k8s.io";
const versions = ["v1", "v1beta1"];
const kind = "AuthenticationConfiguration";

/**
 * Reads a file of `--authentication-config`, strictly: a key that nobody knows is a mistake. Throws an Error that names
 * each place.
 */
export function readConfiguration(
  text: string,
  disallowedIssuers: readonly string[],
): AuthenticationConfiguration {
  const raw = decode(text);
  const errors = validateConfiguration(raw, disallowedIssuers);
  if (errors.length > 0) {
    const lines = errors.map((error) => formatFieldError(error));
    throw new Error(lines.length === 1 ? (lines[0] ?? "") : `[${lines.join(", ")}]`);
  }
  const { enabled = false, conditions = [] } = raw.anonymous ?? {};
  const anonymous = { enabled, conditions: conditions.map(({ path = "" }) => ({ path })) };
  return {
    jwt: (raw.jwt ?? []).map(jwtOf),
    ...(raw.anonymous === undefined ? {} : { anonymous }),
  };
}

function decode(text: string): RawConfiguration {
  const value = parseYaml(text);
  if (!isObject(value)) throw new Error(`it must be an object of kind ${kind}`);
  const { apiVersion = "", kind: given = "" } = value;
  if (given !== kind || !versions.some((version) => apiVersion === `${group}/${version}`)) {
    const known = versions.map((version) => `${group}/${version}`).join(" or ");
    throw new Error(
      `no kind ${JSON.stringify(given)} is registered for version ${JSON.stringify(apiVersion)}: expected ${kind} of ${known}`,
    );
  }
  const { object, unknownFields } = decodeObject(noSchemas, configurationSchema, value);
  const twice = duplicateYamlKey(text);
  const mistakes = [...(twice === undefined ? [] : [twice]), ...unknownFields];
  if (mistakes.length > 0) throw newStrictDecodingError(value, mistakes);
  return object;
}

/** Validation has seen that everything which is required is there. */
function jwtOf(raw: RawJwt): JwtConfiguration {
  const { issuer = {}, claimValidationRules = [], claimMappings = {} } = raw;
  const expressions = expressionsOf(raw);
  const { url = "", discoveryURL = "", certificateAuthority = "", audiences = [] } = issuer;
  const { username = {}, groups = {}, uid = {} } = claimMappings;
  const groupsClaim = claimOf(groups);
  const uidClaim = uid.claim ?? "";
  return {
    issuer: {
      url,
      audiences,
      ...(discoveryURL === "" ? {} : { discoveryURL }),
      ...(certificateAuthority === "" ? {} : { certificateAuthority }),
    },
    claimValidationRules: claimValidationRules
      .filter(({ claim = "" }) => claim !== "")
      .map(({ claim = "", requiredValue = "" }) => ({ claim, requiredValue })),
    ...(expressions === undefined ? {} : { expressions }),
    claimMappings: {
      username: claimOf(username),
      ...(groupsClaim.claim === "" ? {} : { groups: groupsClaim }),
      ...(uidClaim === "" ? {} : { uid: { claim: uidClaim } }),
    },
  };
}

const claimOf = ({ claim = "", prefix = "" }: RawMapping): PrefixedClaim => ({ claim, prefix });

/** Undefined when there are none, so that nothing is asked of them. */
function expressionsOf({ claimValidationRules = [], claimMappings = {}, userValidationRules = [] }: RawJwt) {
  const { username = {}, groups = {}, uid = {}, extra = [] } = claimMappings;
  const expressions: JwtExpressions = {
    ...mappingOf("username", username),
    ...mappingOf("groups", groups),
    ...mappingOf("uid", uid),
    extra: extra.map(({ key = "", valueExpression = "" }) => ({
      key,
      program: compiled(compileMapping(valueExpression)),
    })),
    claimRules: claimValidationRules
      .filter(({ expression = "" }) => expression !== "")
      .map(({ expression = "", message = "" }) => ({
        program: compiled(compileRule("claims", expression)),
        message,
      })),
    userRules: userValidationRules.map(({ expression = "", message = "" }) => ({
      program: compiled(compileRule("user", expression)),
      message,
    })),
  };
  const { extra: extras, claimRules, userRules, ...mappings } = expressions;
  const lists = [extras, claimRules, userRules];
  return Object.keys(mappings).length > 0 || lists.some(({ length }) => length > 0) ? expressions : undefined;
}

function mappingOf(
  name: "username" | "groups" | "uid",
  { expression = "" }: RawMapping,
): Partial<JwtExpressions> {
  return expression === "" ? {} : { [name]: compiled(compileMapping(expression)) };
}

/** Validation has compiled it already. */
function compiled(program: CelProgram | string): CelProgram {
  if (typeof program === "string") throw new Error(program);
  return program;
}
