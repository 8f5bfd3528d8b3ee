import {
  anyType,
  boolType,
  CelCompileError,
  CelEnvironment,
  type CelProgram,
  type CelType,
  listType,
  mapType,
  stringType,
  structType,
  toJson,
} from "../../../cel/index.ts";
import type { JwtClaims } from "../../../pki/index.ts";
import type { UserInfo } from "../../request-context.ts";

/**
 * The expressions of an AuthenticationConfiguration: `claims.sub`, `user.groups.all(g, !g.startsWith('system:'))`.
 * Mirrors k8s.io/apiserver/pkg/authentication/cel and what the authenticator of OpenID Connect makes of the results.
 */
export interface RuleExpression {
  readonly program: CelProgram;
  readonly message: string;
}

const claimsReading = (type: CelType): CelType => ({ ...type, reading: "claims" });

let environments: { readonly claims: CelEnvironment; readonly user: CelEnvironment } | undefined;

/** Made when the first expression is: most configurations have none. */
function environmentOf(variable: "claims" | "user"): CelEnvironment {
  environments ??= {
    claims: new CelEnvironment({
      variables: { claims: claimsReading(mapType(stringType, claimsReading(anyType))) },
    }),
    user: new CelEnvironment({
      variables: {
        user: structType("kubernetes.UserInfo", {
          username: stringType,
          uid: stringType,
          groups: listType(stringType),
          extra: claimsReading(mapType(stringType, listType(stringType))),
        }),
      },
    }),
  };
  return environments[variable];
}

/** A mapping of claims: what it gives is only known when a token comes. A text says what is wrong with it. */
export function compileMapping(expression: string): CelProgram | string {
  return compile(environmentOf("claims"), expression);
}

/** A rule that claims, or the user made of them, must keep. */
export function compileRule(variable: "claims" | "user", expression: string): CelProgram | string {
  return compile(environmentOf(variable), expression, [boolType]);
}

function compile(
  environment: CelEnvironment,
  expression: string,
  outputTypes?: readonly CelType[],
): CelProgram | string {
  const program = environment.compile(expression, outputTypes === undefined ? {} : { outputTypes });
  if (!(program instanceof CelCompileError)) return program;
  if (program.stage === "compilation") return `compilation failed: ${program.message}`;
  return program.stage === "output" ? program.message : `program instantiation failed: ${program.message}`;
}

/** The value of an expression over the claims, as plain data. Throws an Error that names the expression. */
export function mapClaims(program: CelProgram, claims: JwtClaims): unknown {
  return evaluate(program, { claims });
}

function evaluate(program: CelProgram, variables: Readonly<Record<string, unknown>>): unknown {
  try {
    return toJson(program.evaluate(variables).value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`expression '${program.source}' resulted in error: ${why}`, { cause });
  }
}

/** A text or a list of texts; empty ones are left out, and null is none. */
export function textsOf(value: unknown): readonly string[] {
  if (value === null) return [];
  const texts: unknown = typeof value === "string" ? [value] : value;
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) {
    throw new Error("expression must return a string or a list of strings");
  }
  return texts.filter((text) => text !== "");
}

/** Throws an Error for the first rule that the claims break. */
export function checkClaims(rules: readonly RuleExpression[], claims: JwtClaims): void {
  check(rules, { claims });
}

/** Throws an Error for the first rule that the user breaks. */
export function checkUser(rules: readonly RuleExpression[], { name, uid, groups, extra }: UserInfo): void {
  check(rules, { user: { username: name, uid, groups, extra } });
}

function check(rules: readonly RuleExpression[], variables: Readonly<Record<string, unknown>>): void {
  const results = rules.map(({ program, message }) => ({
    program,
    message,
    kept: evaluate(program, variables),
  }));
  for (const { program, message, kept } of results) {
    if (kept !== true) throw new Error(`validation expression '${program.source}' failed: ${message}`);
  }
}
