import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound, StatusError } from "../../apimachinery/status.ts";
import { type ApiTarget, tableAccept } from "../api.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { usageHint } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { CustomColumns } from "../printers/custom-columns.ts";
import {
  type ObjectPrinter,
  outputFormat,
  printerFor,
  printFlags,
  unknownFormat,
} from "../printers/index.ts";
import { TablePadder } from "../printers/tab-writer.ts";
import { isTable, type Table, TableRows } from "../printers/table.ts";
import { filenameFlags, hasFiles, parseTargets, type Query, readTargets } from "../resource-builder.ts";
import type { MappedResource } from "../rest-mapper.ts";
import { sortObjects, sortTable } from "../sorting.ts";

export const getCommand: KubectlCommand = {
  usage: "(TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
  summary: "Display one or many resources",
  flags: {
    ...printFlags,
    ...filenameFlags,
    "all-namespaces": { type: "bool", short: "A", help: "in all namespaces" },
    selector: { type: "string", short: "l", help: "label selector" },
    "field-selector": { type: "string", help: "field selector" },
    watch: { type: "bool", short: "w", help: "after listing, watch for changes" },
    "watch-only": { type: "bool", help: "watch for changes without listing first" },
    "output-watch-events": { type: "bool", help: "print each change with its type" },
    "ignore-not-found": { type: "bool", help: "what does not exist is no error" },
    "no-headers": { type: "bool", help: "leave the headings out" },
    "show-kind": { type: "bool", help: "print the kind before the name" },
    "show-labels": { type: "bool", help: "print labels as the last column" },
    "label-columns": { type: "list", short: "L", help: "labels to print as columns" },
    "sort-by": { type: "string", help: "a JSONPath to sort by" },
    raw: { type: "string", help: "the raw answer to this path" },
    "server-print": { type: "bool", default: true, help: "have the server make the table" },
    "chunk-size": { type: "int", default: 500, help: "how many objects to ask for at a time" },
    subresource: { type: "string", help: "status, scale or resize" },
  },
  failsOnInterrupt: (flags) => flags.bool("watch") || flags.bool("watch-only"),
  run: (context) => new Get(context).run(),
};

/** One answer: an object, or a table of rows of one resource. */
interface Answer {
  readonly resource: MappedResource;
  readonly body: UnstructuredObject;
  /** True when one thing was asked for by name. */
  readonly isObject: boolean;
}

class Get {
  readonly #context: CommandContext;
  readonly #errors: unknown[] = [];

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async run(): Promise<number> {
    const { flags, args, io, path } = this.#context;
    if (flags.string("raw") !== "") return await this.#raw();
    const { format } = outputFormat(flags);
    const printer = await this.#printer(format);
    if (args.length === 0 && !hasFiles(flags)) {
      io.err(
        'You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of supported resources.\n\n',
      );
      throw new KubectlError(
        `Required resource not specified.\nUse "kubectl explain <resource>" for a detailed description of that resource (e.g. kubectl explain pods).\n${usageHint(path)}`,
      );
    }
    if (flags.changed("output-watch-events") && !this.#isWatch) {
      throw new KubectlError(
        `--output-watch-events option can only be used with --watch or --watch-only\n${usageHint(path)}`,
      );
    }
    const query = await this.#query();
    if (flags.string("subresource") !== "" && query.kind === "lists") {
      throw new KubectlError("subresource cannot be used when bulk resources are specified");
    }
    if (this.#isWatch) return await this.#watch(query, printer);
    const answers = await this.#answers(query, printer === undefined);
    if (printer === undefined) this.#printTables(answers);
    else this.#printObjects(query, answers, printer);
    throwCollected(this.#errors);

    return 0;
  }

  get #isWatch(): boolean {
    return this.#context.flags.bool("watch") || this.#context.flags.bool("watch-only");
  }

  /** Undefined for tables. */
  async #printer(format: string): Promise<ObjectPrinter | undefined> {
    const { flags } = this.#context;
    const { argument } = outputFormat(flags);
    if (format === "wide") return undefined;
    if (format === "custom-columns") return CustomColumns.fromSpec(argument, flags.bool("no-headers"));
    if (format === "custom-columns-file") return CustomColumns.fromFile(argument, flags.bool("no-headers"));
    const extra = ["custom-columns", "custom-columns-file", "wide"];
    if (format !== "" && format.includes("=")) throw unknownFormat(format, extra);
    return await printerFor(flags, extra);
  }

  async #raw(): Promise<number> {
    const { flags, args, session, io } = this.#context;
    if (args.length > 0) throw new KubectlError("arguments may not be passed when --raw is specified");
    if (flags.bool("watch") || flags.string("selector") !== "" || flags.string("output") !== "") {
      throw new KubectlError(
        "--raw may not be specified with other flags that filter the server request or alter the output",
      );
    }
    const raw = flags.string("raw");
    const url = new URL(raw.startsWith("/") ? `http://raw${raw}` : raw, "http://raw/");
    const query: Record<string, string[]> = {};
    for (const [key, value] of url.searchParams) (query[key] ??= []).push(value);
    for await (const chunk of await session.transport.stream({
      method: "GET",
      path: url.pathname,
      query,
      accept: "*/*",
    })) {
      io.out(chunk);
    }
    return 0;
  }

  async #query(): Promise<Query> {
    const { flags, args, session } = this.#context;
    if (hasFiles(flags)) {
      const targets = await readTargets(session, flags);
      return { kind: "names", targets, isSingle: targets.length === 1 };
    }
    return await parseTargets(session, args, {
      typesMeanAll: true,
      selected: flags.string("selector") !== "" || flags.string("field-selector") !== "",
      allNamespaces: flags.bool("all-namespaces"),
    });
  }

  #listTarget(resource: MappedResource): ApiTarget {
    const { flags, session } = this.#context;
    const everywhere = flags.bool("all-namespaces") || !resource.namespaced;
    return { resource, namespace: everywhere ? undefined : session.namespace };
  }

  get #selectors() {
    const { flags } = this.#context;
    const optional = (name: string): string | undefined => {
      const value = flags.string(name);
      return value === "" ? undefined : value;
    };
    return { labelSelector: optional("selector"), fieldSelector: optional("field-selector") };
  }

  async #answers(query: Query, asTable: boolean): Promise<Answer[]> {
    const { flags, session } = this.#context;
    const accept = asTable ? { accept: tableAccept } : {};
    // Sorting needs the objects in the rows.
    const extra = asTable && flags.string("sort-by") !== "" ? { includeObject: "Object" } : {};
    const answers: Answer[] = [];
    if (query.kind === "names") {
      const subresource = flags.string("subresource");
      for (const target of query.targets) {
        try {
          const body = await session.api.get({ ...target, subresource }, { ...accept, query: extra });
          answers.push({ resource: target.resource, body, isObject: true });
        } catch (error) {
          if (!isNotFound(error)) this.#errors.push(error);
          else if (!flags.bool("ignore-not-found")) this.#errors.push(error);
        }
      }
      return answers;
    }
    for (const resource of query.resources) {
      try {
        answers.push(
          ...(await this.#list(resource, asTable, { ...accept, query: { ...this.#selectors, ...extra } })),
        );
      } catch (error) {
        // A category names some resources that cannot be listed.
        this.#errors.push(withSelectors(error, resource, this.#selectors));
      }
    }
    return answers;
  }

  async #list(
    resource: MappedResource,
    asTable: boolean,
    options: { accept?: string; query: Record<string, string | undefined> },
  ): Promise<Answer[]> {
    const { flags, session } = this.#context;
    const target = this.#listTarget(resource);
    const chunkSize = flags.int("chunk-size");
    if (!asTable) {
      return [{ resource, body: await session.api.list(target, options, chunkSize), isObject: false }];
    }
    const answers: Answer[] = [];
    for await (const body of session.api.pages(target, options, chunkSize)) {
      answers.push({ resource, body, isObject: false });
    }
    return answers;
  }

  #printTables(answers: readonly Answer[]): void {
    const { io, flags, session } = this.#context;
    const filled = answers.filter(({ body }) => rowsOf(body).length > 0);
    const kinds = new Set(answers.map(({ resource }) => `${resource.kind}.${resource.group}`));
    const blocks: string[] = [];
    let group: Answer[] = [];
    const flush = (): void => {
      const text = this.#table(group, kinds.size > 1);
      if (text !== "") blocks.push(text);
      group = [];
    };
    for (const answer of filled) {
      if (group[0] !== undefined && group[0].resource !== answer.resource) flush();
      group.push(answer);
    }
    flush();
    io.out(blocks.join(flags.bool("no-headers") ? "" : "\n"));
    if (blocks.length > 0 || this.#errors.length > 0 || flags.bool("ignore-not-found")) return;
    const namespaced = !flags.bool("all-namespaces") && answers.every(({ resource }) => resource.namespaced);
    io.err(namespaced ? `No resources found in ${session.namespace} namespace.\n` : "No resources found\n");
  }

  #table(answers: readonly Answer[], withKind: boolean): string {
    const [first] = answers;
    if (first === undefined) return "";
    const { flags } = this.#context;
    const rows = this.#rowsPrinter(first.resource, withKind);
    const sortBy = flags.string("sort-by");
    const tables = answers.flatMap(({ body }) => asTable(body));
    const ordered = sortBy === "" ? tables : sortTable(tables, sortBy);
    return new TablePadder().format(ordered.flatMap((table) => rows.rows(table)));
  }

  #rowsPrinter(resource: MappedResource, withKind: boolean): TableRows {
    const { flags } = this.#context;
    return new TableRows({
      wide: flags.string("output") === "wide",
      withKind: withKind || flags.bool("show-kind"),
      withNamespace: flags.bool("all-namespaces") && resource.namespaced,
      noHeaders: flags.bool("no-headers"),
      showLabels: flags.bool("show-labels"),
      labelColumns: flags.list("label-columns"),
      kind: resource,
    });
  }

  #printObjects(query: Query, answers: readonly Answer[], printer: ObjectPrinter): void {
    const { io, flags } = this.#context;
    const sortBy = flags.string("sort-by");
    const [only] = answers;
    if (
      only !== undefined &&
      query.kind === "names" &&
      query.isSingle &&
      !Array.isArray(only.body["items"])
    ) {
      io.out(printer.print(only.body));
      return;
    }
    const found = answers.flatMap(({ body }) =>
      Array.isArray(body["items"]) ? (body["items"] as unknown[]) : [body],
    );
    if (found.length === 0 && flags.bool("ignore-not-found")) return;
    if (found.length === 0 && query.kind === "names" && query.isSingle) return;
    const items = sortBy === "" ? found : sortObjects(found, sortBy);
    io.out(printer.print({ apiVersion: "v1", items, kind: "List", metadata: { resourceVersion: "" } }));
  }

  async #watch(query: Query, printer: ObjectPrinter | undefined): Promise<number> {
    const { flags, session, io } = this.#context;
    const target = this.#watched(query);
    const interrupted = io.interrupted();
    const options = { ...(printer === undefined ? { accept: tableAccept } : {}), signal: interrupted };
    const print = this.#watchPrinter(target.resource, printer);
    const collection = { resource: target.resource, namespace: target.namespace };
    const byName = target.name === undefined ? {} : { fieldSelector: `metadata.name=${target.name}` };
    const selectors = { ...this.#selectors, ...byName };
    const current =
      target.name === undefined
        ? await session.api.get(collection, { ...options, query: selectors })
        : await session.api.get(target, options);
    const { metadata } = current;
    const resourceVersion =
      (Array.isArray(current["items"]) || isTable(current)) && metadata.resourceVersion !== undefined
        ? metadata.resourceVersion
        : (metadata.resourceVersion ?? "0");
    if (!flags.bool("watch-only")) {
      if (!Array.isArray(current["items"])) print("ADDED", current, true);
      else {
        const { kind } = target.resource;
        const apiVersion =
          target.resource.group === ""
            ? target.resource.version
            : `${target.resource.group}/${target.resource.version}`;
        for (const item of current["items"] as UnstructuredObject[])
          print("ADDED", { ...item, apiVersion, kind }, true);
      }
    }
    const events = session.api.watch(collection, { ...options, query: { ...selectors, resourceVersion } });
    for await (const { type, object } of events) {
      if (type !== "BOOKMARK") print(type, object, false);
    }
    return 0;
  }

  #watched(query: Query): ApiTarget & { resource: MappedResource } {
    const several = "watch is only supported on individual resources and resource collections";
    if (query.kind === "names") {
      const [target, ...more] = query.targets;
      if (target === undefined || more.length > 0) {
        throw new KubectlError(`${several} - more than 1 resource was found`);
      }
      return target;
    }
    const [resource, ...more] = query.resources;
    if (resource === undefined || more.length > 0) {
      throw new KubectlError(`${several} - more than 1 resource was found`);
    }
    return { ...this.#listTarget(resource), resource };
  }

  #watchPrinter(
    resource: MappedResource,
    printer: ObjectPrinter | undefined,
  ): (type: string, object: UnstructuredObject, isFirst: boolean) => void {
    const { io, flags } = this.#context;
    const withEvents = flags.bool("output-watch-events");
    if (printer !== undefined) {
      return (type, object) => io.out(printer.print(withEvents ? { type, object } : object));
    }
    const rows = this.#rowsPrinter(resource, false);
    const padder = new TablePadder();
    let headed = flags.bool("no-headers");
    return (type, object) => {
      for (const table of asTable(object)) {
        const lines = rows.rows(table);
        if (lines.length === 0) continue;
        const printed = withEvents
          ? lines.map((line, index) => [!headed && index === 0 ? "EVENT" : type, ...line])
          : lines;
        headed = true;
        io.out(padder.format(printed));
      }
    };
  }
}

const rowsOf = (body: unknown): readonly unknown[] => asTable(body).flatMap(({ rows = [] }) => rows);

/** A server that cannot make tables sends objects: then name and age are what there is. */
function asTable(body: unknown): Table[] {
  if (isTable(body)) return [body];
  if (!isObject(body)) return [];
  const items = Array.isArray(body["items"])
    ? (body["items"] as UnstructuredObject[])
    : [body as UnstructuredObject];
  return [
    {
      kind: "Table",
      columnDefinitions: [{ name: "Name" }],
      rows: items.map((object) => ({ cells: [object.metadata.name ?? ""], object })),
    },
  ];
}

/** A refusal of a list says what was being looked for. */
export function withSelectors(
  error: unknown,
  { group, version, resource }: MappedResource,
  {
    labelSelector = "",
    fieldSelector = "",
  }: { labelSelector?: string | undefined; fieldSelector?: string | undefined },
): unknown {
  if (!(error instanceof StatusError) || (error.reason !== "BadRequest" && error.reason !== "NotFound"))
    return error;
  const what = JSON.stringify(`${group}/${version}, Resource=${resource}`);
  const message =
    labelSelector === "" && fieldSelector === ""
      ? `Unable to list ${what}: ${error.message}`
      : `Unable to find ${what} that match label selector ${JSON.stringify(labelSelector)}, field selector ${JSON.stringify(fieldSelector)}: ${error.message}`;
  return new StatusError({ ...error.status, message });
}
