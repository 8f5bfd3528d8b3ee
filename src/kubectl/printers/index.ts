import { readFileSync } from "node:fs";
import { goValue } from "../../apimachinery/go-value.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { printYaml } from "../../apimachinery/yaml.ts";
import { KubectlError, plainText, TemplateFailure } from "../errors.ts";
import type { FlagSpecs, Flags } from "../flags.ts";
import { typeName } from "../resource-builder.ts";
import { dryRunOf } from "../writing.ts";
import { goJson, goJsonInOrder, printJson } from "./json.ts";

/** Prints one object, or a list, in the format of `-o`. */
export interface ObjectPrinter {
  print(object: unknown): string;
}

/** The flags that choose a printer. */
export const printFlags: FlagSpecs = {
  output: { type: "string", short: "o", help: "output format" },
  template: { type: "string", help: "the template of -o jsonpath" },
  "allow-missing-template-keys": {
    type: "bool",
    default: true,
    help: "ignore what a template asks for in vain",
  },
  "show-managed-fields": { type: "bool", help: "keep managedFields in JSON and YAML" },
};

const formats =
  "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,yaml";

/** Formats that carry an argument, so that `-o jsonpath={…}` is taken apart. */
const withArgument = [
  "jsonpath-as-json",
  "jsonpath-file",
  "jsonpath",
  "go-template-file",
  "go-template",
  "templatefile",
  "template",
  "custom-columns-file",
  "custom-columns",
];

/** The format and its argument: `jsonpath` and `{.metadata.name}`. */
export function outputFormat(flags: Flags): { format: string; argument: string } {
  const output = flags.string("output");
  for (const format of withArgument) {
    if (output.startsWith(`${format}=`)) return { format, argument: output.slice(format.length + 1) };
  }
  if (output === "" && flags.string("template") !== "")
    return { format: "go-template", argument: flags.string("template") };
  return { format: output, argument: flags.string("template") };
}

/**
 * The printer of `-o`; undefined when none was asked for. `extraFormats` are those that the command prints by itself, and
 * only widen the list in the error message.
 */
export async function printerFor(
  flags: Flags,
  extraFormats: readonly string[] = [],
  { inOrder = false }: { inOrder?: boolean } = {},
): Promise<ObjectPrinter | undefined> {
  const { format, argument } = outputFormat(flags);
  const shown = flags.bool("show-managed-fields") ? (object: unknown) => object : withoutManagedFields;
  switch (format) {
    case "":
      return undefined;
    case "json":
      if (inOrder) return { print: (object) => `${goJsonInOrder(object, 4)}\n` };
      return { print: (object) => printJson(shown(object)) };
    case "yaml":
      return new YamlPrinter(shown);
    case "name":
      return {
        print: (object) =>
          itemsOf(object)
            .map((item) => `${nameOf(item)}\n`)
            .join(""),
      };
    case "jsonpath":
    case "jsonpath-as-json":
    case "jsonpath-file":
      return await jsonPathPrinter(format, argument, flags.bool("allow-missing-template-keys"));
    case "go-template":
    case "go-template-file":
    case "template":
    case "templatefile":
      return await goTemplatePrinter(format, argument, flags.bool("allow-missing-template-keys"));
    default:
      throw unknownFormat(flags.string("output"), extraFormats);
  }
}

export function unknownFormat(output: string, extraFormats: readonly string[]): KubectlError {
  const allowed = [...formats.split(","), ...extraFormats].sort().join(",");
  return new KubectlError(
    `unable to match a printer suitable for the output format ${JSON.stringify(output)}, allowed formats are: ${allowed}`,
  );
}

async function jsonPathPrinter(
  format: string,
  argument: string,
  allowMissing: boolean,
): Promise<ObjectPrinter> {
  if (argument === "") throw new KubectlError("template format specified but no template given");
  const { JsonPath } = await import("./jsonpath.ts");
  const template = format === "jsonpath-file" ? readTemplate(argument) : argument;
  const path = new JsonPath(template, { allowMissing });
  return {
    print: (object) => {
      try {
        return path.print(object, { asJson: format === "jsonpath-as-json" });
      } catch (error) {
        if (!(error instanceof KubectlError)) throw error;
        throw new KubectlError(
          `error executing jsonpath ${JSON.stringify(template)}: Error executing template: ${error.message}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t${template}\n\tobject given to jsonpath engine was:\n\t\t${JSON.stringify(object)}\n`,
          { cause: error },
        );
      }
    },
  };
}

function readTemplate(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new KubectlError(`error reading --template ${file}, open ${file}: no such file or directory\n`, {
      cause: error,
    });
  }
}

async function goTemplatePrinter(
  format: string,
  argument: string,
  allowMissing: boolean,
): Promise<ObjectPrinter> {
  if (argument === "") throw new KubectlError("template format specified but no template given");
  const { GoTemplate, GoTemplateError } = await import("../../apimachinery/go-template/go-template.ts");
  const text = format.endsWith("file") ? readTemplate(argument) : argument;
  const template = parsed(() => new GoTemplate(text, { allowMissing }), text);
  return {
    print: (object) => {
      try {
        return template.print(object);
      } catch (error) {
        if (!(error instanceof GoTemplateError)) throw error;
        const why = error.message;
        throw new TemplateFailure(
          `error executing template ${JSON.stringify(text)}: ${why}`,
          `${error.printed}Error executing template: ${why}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t${text}\n\traw data was:\n\t\t${goJson(object)}\n\tobject given to template engine was:\n\t\t${goValue(object)}\n\n`,
          error,
        );
      }
    },
  };
}

function parsed<T>(parse: () => T, text: string): T {
  try {
    return parse();
  } catch (error) {
    throw new KubectlError(`error parsing template ${text}, ${plainText(error)}`, { cause: error });
  }
}

class YamlPrinter implements ObjectPrinter {
  readonly #shown: (object: unknown) => unknown;
  #count = 0;

  constructor(shown: (object: unknown) => unknown) {
    this.#shown = shown;
  }

  print(object: unknown): string {
    const separator = this.#count++ === 0 ? "" : "---\n";
    return separator + printYaml(this.#shown(object));
  }
}

function itemsOf(object: unknown): UnstructuredObject[] {
  if (isObject(object) && Array.isArray(object["items"])) return object["items"] as UnstructuredObject[];
  return [object as UnstructuredObject];
}

/** `pod/web`, `deployment.apps/web`: what `-o name` prints. */
export function nameOf({ apiVersion, kind, metadata }: UnstructuredObject): string {
  return `${typeName({ kind, group: parseApiVersion(apiVersion).group })}/${metadata.name ?? ""}`;
}

function withoutManagedFields(object: unknown): unknown {
  if (!isObject(object)) return object;
  const copy = { ...object };
  if (isObject(object["metadata"]) && object["metadata"]["managedFields"] !== undefined) {
    const { managedFields: _, ...metadata } = object["metadata"];
    copy["metadata"] = metadata;
  }
  if (Array.isArray(object["items"])) copy["items"] = object["items"].map(withoutManagedFields);
  return copy;
}

/** Prints `deployment.apps/web created`, or the object in the format of `-o`. */
export interface OutcomePrinter {
  (object: UnstructuredObject, outcome: string): string;
}

/**
 * For commands that change objects: with `-o` the object, else one line that names it and tells the outcome. In a dry run
 * the outcome says so. With `inOrder` JSON keeps the order of the members, as Go's typed objects do.
 */
export async function outcomePrinterFor(
  flags: Flags,
  options: { inOrder?: boolean } = {},
): Promise<OutcomePrinter> {
  const dryRun = flags.has("dry-run") ? dryRunOf(flags) : "none";
  const printer = await printerFor(flags, [], options);
  const ending = dryRun === "client" ? " (dry run)" : dryRun === "server" ? " (server dry run)" : "";
  if (printer !== undefined) return (object) => printer.print(object);
  return (object, outcome) => `${nameOf(object)} ${outcome}${ending}\n`;
}
