import { ArrayList, CelErr, type CelValue, isInt } from "../values.ts";
import { type FunctionDeclaration, type Implementation, noSuchOverload, Signatures } from "./declare.ts";
import { compileRegex, find as findIn } from "./regex.ts";

/** Kubernetes' `find` and `findAll`. */
const s = new Signatures();

const findAll: Implementation = (text, pattern, limit = -1) => {
  if (typeof text !== "string" || typeof pattern !== "string" || !isInt(limit)) return noSuchOverload;
  return search(text, pattern, limit < 0 ? Infinity : Number(limit), (found) => new ArrayList(found));
};

const find: Implementation = (text, pattern) => {
  if (typeof text !== "string" || typeof pattern !== "string") return noSuchOverload;
  return search(text, pattern, 1, (found) => found[0] ?? "");
};

function search(
  text: string,
  pattern: string,
  limit: number,
  result: (found: readonly string[]) => CelValue,
): CelValue {
  const regex = compileRegex(pattern);
  if (regex instanceof CelErr) return new CelErr(`Illegal regex: ${regex.message}`);
  const found = findIn(regex, text, pattern, limit);
  return result(typeof found === "boolean" ? [] : found);
}

export const regexFunctions: readonly FunctionDeclaration[] = [
  s.fn("find", { "string_find_string: string.(string) -> string": find }),
  s.fn("findAll", {
    "string_find_all_string: string.(string) -> list<string>": findAll,
    "string_find_all_string_int: string.(string, int) -> list<string>": findAll,
  }),
];
