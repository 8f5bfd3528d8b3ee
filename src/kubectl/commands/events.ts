import type { Event as CoreEvent } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { ageOf } from "../printers/age.ts";
import { type ObjectPrinter, printerFor, printFlags } from "../printers/index.ts";
import { TablePadder } from "../printers/tab-writer.ts";
import { resourceOf } from "../resource-builder.ts";

export const eventsCommand: KubectlCommand = {
  usage: "[(-o|--output=)json|yaml|name|jsonpath] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
  summary: "List events",
  flags: {
    ...printFlags,
    "all-namespaces": { type: "bool", short: "A", help: "in all namespaces" },
    for: { type: "string", help: "only those about TYPE/NAME" },
    types: { type: "list", help: "Normal, Warning" },
    watch: { type: "bool", short: "w", help: "after listing, watch for more" },
    "no-headers": { type: "bool", help: "leave the headings out" },
    "chunk-size": { type: "int", default: 500, help: "how many to ask for at a time" },
  },
  failsOnInterrupt: (flags) => flags.bool("watch"),
  run: events,
};

async function events(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  const wrong = flags.list("types").find((type) => !/^(?:normal|warning)$/i.test(type));
  if (wrong !== undefined) throw new KubectlError("valid --types are Normal or Warning");
  const printer = await printerFor(flags);
  const namespace = flags.bool("all-namespaces") ? undefined : session.namespace;
  const target = { resource: resources.events, namespace };
  const query = { fieldSelector: await fieldSelector(context) };
  const list = await session.api.list(target, { query }, flags.int("chunk-size"));
  const found = (list["items"] as CoreEvent[]).filter((event) => isWanted(context, event)).toSorted(byTime);
  const padder = new TablePadder();
  if (found.length === 0 && !flags.bool("watch")) {
    if (flags.bool("all-namespaces")) io.err("No events found.\n");
    else io.err(`No events found in ${session.namespace} namespace.\n`);
    return;
  }
  if (printer === undefined)
    io.out(padder.format([...headings(context), ...found.map((event) => row(context, event))]));
  else print((text) => io.out(text), printer, found);
  if (!flags.bool("watch")) return;
  const { resourceVersion } = list.metadata;
  const signal = io.interrupted();
  for await (const { type, object } of session.api.watch(target, {
    query: { ...query, resourceVersion },
    signal,
  })) {
    const event = object as unknown as CoreEvent;
    if (type === "DELETED" || type === "BOOKMARK" || !isWanted(context, event)) continue;
    io.out(printer === undefined ? padder.format([row(context, event)]) : printer.print(event));
  }
}

function print(out: (text: string) => void, printer: ObjectPrinter, found: readonly CoreEvent[]): void {
  const items = found.map((event) => ({ ...event, apiVersion: "v1", kind: "Event" }));
  out(printer.print({ apiVersion: "v1", items, kind: "List", metadata: { resourceVersion: "" } }));
}

/** What happened at the same time stays in the server's order. */
function byTime(a: CoreEvent, b: CoreEvent): number {
  return Date.parse(timeOf(a)) - Date.parse(timeOf(b)) || 0;
}

const timeOf = ({ series, lastTimestamp, eventTime }: CoreEvent): string =>
  series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? "";

async function fieldSelector({ flags, session }: CommandContext): Promise<string | undefined> {
  const about = flags.string("for");
  if (about === "") return undefined;
  const [type = "", name = "", ...rest] = about.split("/");
  if (name === "" || rest.length > 0) throw new KubectlError("--for must be in resource/name form");
  const { kind, group, version } = await resourceOf(session, type);
  const apiVersion = group === "" ? version : `${group}/${version}`;
  return `involvedObject.apiVersion=${apiVersion},involvedObject.kind=${kind},involvedObject.name=${name}`;
}

function isWanted({ flags }: CommandContext, { type }: CoreEvent): boolean {
  const types = flags.list("types");
  return types.length === 0 || types.some((wanted) => wanted.toLowerCase() === (type ?? "").toLowerCase());
}

function headings({ flags }: CommandContext): string[][] {
  if (flags.bool("no-headers")) return [];
  const first = flags.bool("all-namespaces") ? ["NAMESPACE"] : [];
  return [[...first, "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]];
}

function row({ flags, session }: CommandContext, event: CoreEvent): string[] {
  const { involvedObject, type = "", reason = "", message = "", metadata } = event;
  const first = flags.bool("all-namespaces") ? [metadata.namespace ?? ""] : [];
  const about = `${involvedObject.kind}/${involvedObject.name}`;
  return [...first, lastSeen(event, session.clock.now()), type, reason, about, message.trim()];
}

function lastSeen(
  { series, count = 0, firstTimestamp, lastTimestamp, eventTime }: CoreEvent,
  nowMs: number,
): string {
  const first = ageOf(firstTimestamp ?? eventTime, nowMs);
  if (series !== undefined && series !== null) {
    return `${ageOf(series.lastObservedTime, nowMs)} (x${series.count} over ${first})`;
  }
  return count > 1 ? `${ageOf(lastTimestamp, nowMs)} (x${count} over ${first})` : first;
}
