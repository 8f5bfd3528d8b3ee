import { decodeObject, newStrictDecodingError } from "../../../apimachinery/decode.ts";
import { formatFieldError } from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { duplicateYamlKey, parseYaml } from "../../../apimachinery/yaml.ts";
import {
  type AuthenticationConfiguration,
  configurationSchema,
  type JwtConfiguration,
  noSchemas,
  type PrefixedClaim,
  type RawConfiguration,
  type RawJwt,
  type RawMapping,
} from "./authentication-configuration.ts";
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
function jwtOf({ issuer = {}, claimValidationRules = [], claimMappings = {} }: RawJwt): JwtConfiguration {
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
    claimValidationRules: claimValidationRules.map(({ claim = "", requiredValue = "" }) => ({
      claim,
      requiredValue,
    })),
    claimMappings: {
      username: claimOf(username),
      ...(groupsClaim.claim === "" ? {} : { groups: groupsClaim }),
      ...(uidClaim === "" ? {} : { uid: { claim: uidClaim } }),
    },
  };
}

const claimOf = ({ claim = "", prefix = "" }: RawMapping): PrefixedClaim => ({ claim, prefix });
