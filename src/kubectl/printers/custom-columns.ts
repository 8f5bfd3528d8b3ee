import { readFileSync } from "node:fs";
import { goValue } from "../../apimachinery/go-value.ts";
import { isObject } from "../../apimachinery/json.ts";
import { KubectlError } from "../errors.ts";
import { JsonPath, relaxedPath } from "./jsonpath.ts";
import { TablePadder } from "./tab-writer.ts";

interface Column {
  readonly heading: string;
  readonly path: JsonPath;
}

/** `-o custom-columns=NAME:.metadata.name,…` and `-o custom-columns-file=…`. */
export class CustomColumns {
  readonly #columns: readonly Column[];
  readonly #padder = new TablePadder();
  #headed: boolean;

  constructor(columns: readonly Column[], noHeaders: boolean) {
    this.#columns = columns;
    this.#headed = noHeaders;
  }

  static fromSpec(spec: string, noHeaders: boolean): CustomColumns {
    if (spec === "") throw new KubectlError("custom-columns format specified but no custom columns given");
    const columns = splitColumns(spec).map((part) => {
      const colon = part.indexOf(":");
      if (colon < 0) {
        throw new KubectlError(`unexpected custom-columns spec: ${part}, expected <header>:<json-path-expr>`);
      }
      return column(part.slice(0, colon), part.slice(colon + 1));
    });
    return new CustomColumns(columns, noHeaders);
  }

  /** The first line of the file has the headings, the second the paths below them. */
  static fromFile(file: string, noHeaders: boolean): CustomColumns {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      throw new KubectlError(`error reading template ${file}, open ${file}: no such file or directory\n`, {
        cause: error,
      });
    }
    const [headings = [], paths = []] = text.split("\n").map((line) => line.trim().split(/\s+/));
    if (headings.length !== paths.length) {
      throw new KubectlError(
        `number of headers (${headings.length}) and field specifications (${paths.length}) don't match`,
      );
    }
    return new CustomColumns(
      headings.map((heading, index) => column(heading, paths[index] ?? "")),
      noHeaders,
    );
  }

  print(object: unknown): string {
    const items =
      isObject(object) && Array.isArray(object["items"]) ? (object["items"] as unknown[]) : [object];
    const rows = items.map((item) => this.#columns.map(({ path }) => cell(path.find(item))));
    const head = this.#headed ? [] : [this.#columns.map(({ heading }) => heading)];
    this.#headed = true;
    return this.#padder.format([...head, ...rows]);
  }
}

const column = (heading: string, path: string): Column => ({
  heading,
  path: new JsonPath(relaxedPath(path), { allowMissing: true }),
});

function cell(lists: readonly (readonly unknown[])[]): string {
  const values = lists.flat();
  return values.length === 0 ? "<none>" : values.map(goValue).join(",").replaceAll("<nil>", "<none>");
}

/** Commas in brackets or braces divide no columns. */
function splitColumns(spec: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const c of spec) {
    if (c === "[" || c === "(" || c === "{") depth++;
    if (c === "]" || c === ")" || c === "}") depth--;
    if (c === "," && depth === 0) {
      parts.push(part);
      part = "";
    } else part += c;
  }
  return [...parts, part];
}
