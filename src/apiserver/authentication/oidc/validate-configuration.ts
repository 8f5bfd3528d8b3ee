import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalid,
  path,
  required,
  tooMany,
} from "../../../apimachinery/field-error.ts";
import { domainPrefixedPathErrors } from "../../../apimachinery/names.ts";
import { certificatesOf, parseCertificate } from "../../../pki/index.ts";
import type { RawConfiguration, RawJwt, RawMapping } from "./authentication-configuration.ts";
import { compileMapping, compileRule } from "./expressions.ts";

const maxIssuers = 64;

/**
 * What is wrong with a configuration, in the words of k8s.io/apiserver/pkg/apis/apiserver/validation.
 * `disallowedIssuers` are the server's own: their tokens are verified elsewhere.
 */
export function validateConfiguration(
  { jwt = [], anonymous }: RawConfiguration,
  disallowedIssuers: readonly string[],
): FieldError[] {
  const root = path("jwt");
  if (jwt.length > maxIssuers) return [tooMany(root, jwt.length, maxIssuers)];
  const errors = jwt.flatMap((each, index) => jwtErrors(each, root.index(index), disallowedIssuers));
  errors.push(
    ...repeated(
      jwt,
      ({ issuer }) => issuer?.url,
      (index) => root.index(index).child("issuer", "url"),
    ),
  );
  errors.push(
    ...repeated(
      jwt,
      ({ issuer }) => issuer?.discoveryURL,
      (index) => root.index(index).child("issuer", "discoveryURL"),
    ),
  );
  const conditions = anonymous?.conditions ?? [];
  if (anonymous?.enabled !== true && conditions.length > 0) {
    const why = "enabled should be set to true when conditions are defined";
    errors.push(invalid(path("anonymous").child("conditions"), conditions, why));
  }
  return errors;
}

function jwtErrors(jwt: RawJwt, where: FieldPath, disallowedIssuers: readonly string[]): FieldError[] {
  return [
    ...issuerErrors(jwt.issuer ?? {}, where.child("issuer"), disallowedIssuers),
    ...ruleErrors(jwt.claimValidationRules ?? [], where.child("claimValidationRules")),
    ...mappingErrors(jwt.claimMappings ?? {}, where.child("claimMappings")),
    ...emailErrors(jwt, where.child("claimMappings", "username", "expression")),
    ...userRuleErrors(jwt.userValidationRules ?? [], where.child("userValidationRules")),
  ];
}

/** An address that nobody has verified is whatever its owner typed: an expression must look. */
function emailErrors({ claimMappings, claimValidationRules = [] }: RawJwt, where: FieldPath): FieldError[] {
  const { username: { expression = "" } = {}, extra = [] } = claimMappings ?? {};
  if (!reads(expression, "claims.email")) return [];
  const others = [
    ...extra.map(({ valueExpression = "" }) => valueExpression),
    ...claimValidationRules.map((rule) => rule.expression ?? ""),
  ];
  if ([expression, ...others].some((each) => reads(each, "claims.email_verified"))) return [];
  const why =
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression";
  return [invalid(where, expression, why)];
}

/** Whether the expression selects the field; one that does not compile selects nothing. */
function reads(expression: string, path: string): boolean {
  if (expression === "") return false;
  const program = compileMapping(expression);
  if (typeof program === "string") return false;
  return [...program.fieldPaths].some((read) => read === path || read.startsWith(`${path}.`));
}

/** What is wrong with an expression, at its place. */
function expressionErrors(compiled: object | string, where: FieldPath, expression: string): FieldError[] {
  return typeof compiled === "string" ? [invalid(where, expression, compiled)] : [];
}

function issuerErrors(
  issuer: NonNullable<RawJwt["issuer"]>,
  where: FieldPath,
  disallowedIssuers: readonly string[],
): FieldError[] {
  const { url = "", discoveryURL = "", certificateAuthority = "", egressSelectorType = "" } = issuer;
  const errors =
    url === "" ? [required(where.child("url"))] : urlErrors(url, where.child("url"), disallowedIssuers);
  if (discoveryURL !== "") {
    const at = where.child("discoveryURL");
    if (url !== "" && withoutSlash(url) === withoutSlash(discoveryURL)) {
      errors.push(invalid(at, discoveryURL, "discoveryURL must be different from URL"));
    }
    errors.push(...urlErrors(discoveryURL, at, []));
  }
  errors.push(...audienceErrors(issuer, where));
  if (certificateAuthority !== "" && !holdsCertificates(certificateAuthority)) {
    const why = "data does not contain any valid RSA or ECDSA certificates";
    errors.push(invalid(where.child("certificateAuthority"), "<omitted>", why));
  }
  if (egressSelectorType !== "") {
    const why = "egress selectors are not supported by this server: it reaches issuers directly";
    errors.push(invalid(where.child("egressSelectorType"), egressSelectorType, why));
  }
  return errors;
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, "");

function urlErrors(url: string, where: FieldPath, disallowed: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  if (disallowed.includes(url)) {
    const list = [...disallowed].toSorted().join(" ");
    errors.push(invalid(where, url, `URL must not overlap with disallowed issuers: [${list}]`));
  }
  // Go keeps what it is given; the platform's parser is only asked whether there is anything to take apart.
  const [, scheme = "", authority = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)/.exec(url) ?? [];
  if (scheme.toLowerCase() !== "https") errors.push(invalid(where, url, "URL scheme must be https"));
  else if (!URL.canParse(url))
    return [...errors, invalid(where, url, `parse ${JSON.stringify(url)}: invalid URL`)];
  if (authority.includes("@")) {
    errors.push(invalid(where, url, "URL must not contain a username or password"));
  }
  const [beforeFragment = "", fragment = ""] = url.split("#", 2);
  if ((beforeFragment.split("?", 2)[1] ?? "") !== "") {
    errors.push(invalid(where, url, "URL must not contain a query"));
  }
  if (fragment !== "") errors.push(invalid(where, url, "URL must not contain a fragment"));
  return errors;
}

function audienceErrors(
  { audiences = [], audienceMatchPolicy = "" }: NonNullable<RawJwt["issuer"]>,
  where: FieldPath,
): FieldError[] {
  const at = where.child("audiences");
  if (audiences.length === 0) return [required(at, `at least one ${at} is required`)];
  const errors = audiences.flatMap((audience, index) => (audience === "" ? [required(at.index(index))] : []));
  errors.push(
    ...repeated(
      audiences,
      (audience) => audience,
      (index) => at.index(index),
    ),
  );
  const policy = where.child("audienceMatchPolicy");
  if (audiences.length > 1 && audienceMatchPolicy !== "MatchAny") {
    const why = "audienceMatchPolicy must be MatchAny for multiple audiences";
    errors.push(invalid(policy, audienceMatchPolicy, why));
  }
  if (audiences.length === 1 && audienceMatchPolicy !== "" && audienceMatchPolicy !== "MatchAny") {
    const why = "audienceMatchPolicy must be empty or MatchAny for single audience";
    errors.push(invalid(policy, audienceMatchPolicy, why));
  }
  return errors;
}

function holdsCertificates(pem: string): boolean {
  try {
    return certificatesOf(pem).map(parseCertificate).length > 0;
  } catch {
    return false;
  }
}

function ruleErrors(rules: NonNullable<RawJwt["claimValidationRules"]>, where: FieldPath): FieldError[] {
  const errors = rules.flatMap(({ claim = "", expression = "", message = "", requiredValue = "" }, index) => {
    const at = where.index(index);
    if (claim !== "" && expression !== "") {
      return [invalid(at, claim, "claim and expression can't both be set")];
    }
    if (claim === "" && expression === "") return [required(at, "claim or expression is required")];
    if (claim !== "" && message !== "") {
      return [invalid(at.child("message"), message, "may not be specified when claim is set")];
    }
    if (expression === "") return [];
    const both =
      requiredValue === ""
        ? []
        : [invalid(at.child("requiredValue"), requiredValue, "may not be specified when expression is set")];
    const compiled = compileRule("claims", expression);
    return [...both, ...expressionErrors(compiled, at.child("expression"), expression)];
  });
  return [
    ...errors,
    ...repeated(
      rules,
      ({ claim }) => claim,
      (index) => where.index(index).child("claim"),
    ),
    ...repeated(
      rules,
      ({ expression }) => expression,
      (index) => where.index(index).child("expression"),
    ),
  ];
}

function mappingErrors(mappings: NonNullable<RawJwt["claimMappings"]>, where: FieldPath): FieldError[] {
  const { username = {}, groups = {}, uid = {}, extra = [] } = mappings;
  const errors = [
    ...claimErrors(username, where.child("username"), true),
    ...claimErrors(groups, where.child("groups"), false),
  ];
  const { claim = "", expression = "" } = uid;
  if (claim !== "" && expression !== "") {
    errors.push(invalid(where.child("uid"), "", "claim and expression can't both be set"));
  } else if (expression !== "") {
    errors.push(
      ...expressionErrors(compileMapping(expression), where.child("uid", "expression"), expression),
    );
  }
  return [...errors, ...extraErrors(extra, where.child("extra"))];
}

function claimErrors(
  { claim = "", expression = "", prefix }: RawMapping,
  where: FieldPath,
  isRequired: boolean,
): FieldError[] {
  if (claim !== "" && expression !== "") {
    return [invalid(where, "", "claim and expression can't both be set")];
  }
  if (expression !== "") {
    const why = "may not be specified when expression is set";
    const withPrefix = prefix === undefined ? [] : [invalid(where.child("prefix"), prefix, why)];
    return [
      ...withPrefix,
      ...expressionErrors(compileMapping(expression), where.child("expression"), expression),
    ];
  }
  if (claim === "") return isRequired ? [required(where, "claim or expression is required")] : [];
  const why = "prefix is required when claim is set. It can be set to an empty string to disable prefixing";
  return prefix === undefined ? [required(where.child("prefix"), why)] : [];
}

function extraErrors(
  extra: NonNullable<NonNullable<RawJwt["claimMappings"]>["extra"]>,
  where: FieldPath,
): FieldError[] {
  const errors = extra.flatMap(({ key = "", valueExpression = "" }, index) => {
    const at = where.index(index).child("key");
    const found =
      key === "" ? [required(at)] : domainPrefixedPathErrors(key).map((why) => invalid(at, key, why));
    if (key !== key.toLowerCase()) found.push(invalid(at, key, "must be lowercase"));
    if (/^(?:[^/]*\.)?(?:kubernetes|k8s)\.io\//.test(key)) {
      const why = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use";
      found.push(invalid(at, key, why));
    }
    const value = where.index(index).child("valueExpression");
    if (valueExpression === "") found.push(required(value));
    else found.push(...expressionErrors(compileMapping(valueExpression), value, valueExpression));
    return found;
  });
  return [
    ...errors,
    ...repeated(
      extra,
      ({ key }) => key,
      (index) => where.index(index).child("key"),
    ),
  ];
}

function userRuleErrors(rules: NonNullable<RawJwt["userValidationRules"]>, where: FieldPath): FieldError[] {
  const at = (index: number) => where.index(index).child("expression");
  const errors = rules.flatMap(({ expression = "" }, index) => {
    if (expression === "") return [required(at(index))];
    return expressionErrors(compileRule("user", expression), at(index), expression);
  });
  return [...errors, ...repeated(rules, ({ expression }) => expression, at)];
}

/** Every value that an earlier element of the list has already; missing and empty ones do not count. */
function repeated<T>(
  list: readonly T[],
  valueOf: (element: T) => string | undefined,
  where: (index: number) => FieldPath,
): FieldError[] {
  const seen = new Set<string>();
  return list.flatMap((element, index) => {
    const value = valueOf(element) ?? "";
    if (value === "") return [];
    if (seen.has(value)) return [duplicate(where(index), value)];
    seen.add(value);
    return [];
  });
}
