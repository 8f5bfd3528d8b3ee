/**
 * Compares our expressions with Kubernetes': the messages of the compiler, the type of the result, the estimate of the cost,
 * the value or the error, and what it cost. `node test/cel/oracle/run.ts [--seed N] [--count N] [--show N] [EXPRESSION …]`;
 * without expressions they are made from the seed. Needs a Go toolchain for the first build.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import {
  authorizerType,
  CelCompileError,
  CelEnvironment,
  CelEvaluationError,
  dynType,
  typeFromSchema,
  typeName,
} from "../../../src/cel/index.ts";
import { buildOracle } from "./build.ts";
import { Generator } from "./generate.ts";
import { object, schema, self } from "./sample.ts";
import { show } from "./show.ts";

const { values, positionals } = parseArgs({
  options: { seed: { type: "string" }, count: { type: "string" }, show: { type: "string" } },
  allowPositionals: true,
});

interface Answer {
  issues?: string;
  plan?: string;
  type?: string;
  min?: string;
  max?: string;
  value?: unknown;
  error?: string;
  cost?: string;
  fault?: string;
}

const type = typeFromSchema(schema, { name: "selfType" }) ?? dynType;
const environment = new CelEnvironment({
  variables: { self: type, object: dynType, authorizer: authorizerType },
  mutation: true,
});

function ours(expr: string): Answer {
  const program = environment.compile(expr);
  if (program instanceof CelCompileError) {
    return program.stage === "instantiation" ? { plan: program.message } : { issues: program.message };
  }
  const { min, max } = program.estimateCost(type);
  const answer: Answer = { type: typeName(program.outputType), min: String(min), max: String(max) };
  try {
    const { value, cost } = program.evaluate({ self, object });
    return { ...answer, value: show(value), cost: String(cost) };
  } catch (error) {
    if (!(error instanceof CelEvaluationError)) throw error;
    return { ...answer, error: error.message, cost: String(error.cost) };
  }
}

/** What differs. The type of what cannot be instantiated is not asked for; the largest bound is rounded. */
function differences(theirs: Answer, mine: Answer): string[] {
  const fields = ["issues", "plan", "type", "min", "max", "value", "error", "cost", "fault"] as const;
  return fields.flatMap((field) => {
    if (mine.plan !== undefined && field === "type") return [];
    const a = theirs[field] ?? null;
    const b = mine[field] ?? null;
    const isBound = field === "min" || field === "max";
    if (isBound && Math.abs(Number(a) - Number(b)) <= Number(a) * 1e-12) return [];
    if (JSON.stringify(a) === JSON.stringify(b)) return [];
    return [`  ${field}\n    Kubernetes: ${JSON.stringify(a)}\n    ours:       ${JSON.stringify(b)}`];
  });
}

const program = buildOracle((line) => console.log(line));
if (program === undefined) {
  console.log("skipped: no Go toolchain to build the oracle with");
} else {
  const generator = new Generator(Number(values.seed ?? "1"));
  const count = Number(values.count ?? "2000");
  const exprs = positionals.length > 0 ? positionals : Array.from({ length: count }, () => generator.next());
  const oracle = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: oracle.stdout })[Symbol.asyncIterator]();
  let same = 0;
  let shown = 0;
  for (const expr of exprs) {
    oracle.stdin.write(`${JSON.stringify({ expr, schema, self, object })}\n`);
    const { value: line } = await lines.next();
    const found = differences(JSON.parse(line ?? "{}") as Answer, ours(expr));
    if (found.length === 0) same++;
    else if (shown++ < Number(values.show ?? "20")) console.log([`--- ${expr}`, ...found].join("\n"));
  }
  oracle.stdin.end();
  console.log(`${same} of ${exprs.length} the same`);
}
