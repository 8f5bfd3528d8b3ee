import type { CelCompileError } from "./errors.ts";
import type { CelProgram } from "./program.ts";
import type { CelType } from "./types.ts";

export interface CelEnvironmentOptions {
  /** The variables that expressions may read, with their types. Struct types are found through them. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** Types that expressions may make (`Object{…}`, `JSONPatch{…}`) besides those of the variables. */
  readonly types?: readonly CelType[];
  /**
   * Functions and macros up to this Kubernetes version, as major.minor. Absent: all. Kubernetes compiles new
   * expressions with the version before its own, and stored ones with all.
   */
  readonly compatibilityVersion?: string;
}

export interface CompileOptions {
  /** The result must be one of these; absent is whatever it is. */
  readonly outputTypes?: readonly CelType[];
}

/** What expressions of one kind may use. Cheap to make: functions are declared once for all environments. */
export class CelEnvironment {
  readonly variables: Readonly<Record<string, CelType>>;

  constructor(options: CelEnvironmentOptions) {
    this.variables = options.variables;
  }

  /** The same with further variables; of equal names the new one counts. */
  extend(variables: Readonly<Record<string, CelType>>): CelEnvironment {
    return new CelEnvironment({ variables: { ...this.variables, ...variables } });
  }

  /** A program, or all that is wrong with the expression. */
  compile(_source: string, _options: CompileOptions = {}): CelProgram | CelCompileError {
    throw new Error("not yet");
  }
}
