import { goValue } from "../../apimachinery/go-value.ts";
import { JsonPath as Path } from "../../apimachinery/json-path/json-path.ts";
import { JsonPathError } from "../../apimachinery/json-path/parser.ts";
import { KubectlError } from "../errors.ts";
import { goJson, printJson } from "./json.ts";

/** A template of JSONPath, and what it prints of a value. Failures are those of the command. */
export class JsonPath {
  readonly #path: Path;

  constructor(template: string, options: { allowMissing?: boolean } = {}) {
    this.#path = asCommandFailure(() => new Path(template, options));
  }

  /** The values of every path of the template, one list for each. */
  find(root: unknown): unknown[][] {
    return asCommandFailure(() => this.#path.find(root));
  }

  /** The template with its paths filled in; or, as JSON, the list of values of each path. */
  print(root: unknown, { asJson = false }: { asJson?: boolean } = {}): string {
    const lists = this.find(root);
    if (asJson) return lists.map((values) => printJson(values)).join("");
    return lists.map((values) => values.map(valueText).join(" ")).join("");
  }
}

function asCommandFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof JsonPathError ? new KubectlError(error.message, { cause: error }) : error;
  }
}

/** Lists and maps as JSON, all else as it is. */
function valueText(value: unknown): string {
  return typeof value === "object" && value !== null ? goJson(value) : goValue(value);
}

/** `.metadata.name`, `metadata.name` and `{.metadata.name}` are all accepted where one path is asked for. */
export function relaxedPath(text: string): string {
  if (text === "") return text;
  const match = /^\{\.?([^{}]+)\}$|^\.?([^{}]+)$/.exec(text);
  if (match === null) {
    throw new KubectlError(
      `unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'`,
    );
  }
  const path = match[1] ?? match[2] ?? "";
  return path.startsWith("[") || path.startsWith(".") ? `{${path}}` : `{.${path}}`;
}
