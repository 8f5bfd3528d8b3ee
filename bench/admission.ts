/**
 * Creations of ConfigMaps with none, one and ten validating policies, mutating policies, validating and mutating webhooks, and with
 * ten of each whose conditions exclude the request. Ratios are to creations without any, in the same run and in turn.
 *
 *   npm run bench -- admission [--seconds 2] [--rounds 3] [--clients 8] [--only policies|webhooks] [--program FOLDER]
 *
 * The webhook is a process of its own that says yes; connections to it are kept.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  type Configuration,
  excluding,
  mutatingPolicies,
  validatingPolicies,
  webhooks,
} from "./parts/admission-configurations.ts";
import { BenchCluster, repository } from "./parts/bench-cluster.ts";
import { type Figure, median, report } from "./parts/figures.ts";
import { ask, configMaps, endpointOf, measure, newConfigMap, openClients, type Speed } from "./parts/load.ts";
import { busyNote } from "./parts/processes.ts";
import { RawClient } from "./parts/raw-client.ts";
import type { WebhookCounts, WebhookReady } from "./parts/webhook-process.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    clients: { type: "string", default: "8" },
    only: { type: "string", default: "" },
    program: { type: "string", default: repository },
  },
});
const forMs = Number(options.seconds) * 1000;
const rounds = Number(options.rounds);
const clientCount = Number(options.clients);

interface Case {
  readonly name: string;
  readonly configurations: readonly Configuration[];
  readonly speeds: Speed[];
  /** What the webhook was asked per creation, and how many connections it saw. */
  asked: number[];
  connections: number;
}

const cluster = new BenchCluster({ runtime: "simulated", program: options.program });
const hook = fork(join(import.meta.dirname, "parts/webhook-process.ts"), { execPath: cluster.node });

async function counts(): Promise<WebhookCounts> {
  hook.send({});
  const [message] = (await once(hook, "message")) as [WebhookCounts];
  return message;
}

const caseOf = (name: string, configurations: readonly Configuration[] = []): Case => ({
  name,
  configurations,
  speeds: [],
  asked: [],
  connections: 0,
});

function cases(ready: WebhookReady): Case[] {
  const ofPolicies = [
    ...[1, 10].map((count) => caseOf(named(count, "validating policy"), validatingPolicies(count))),
    caseOf("10 validating policies that are excluded", validatingPolicies(10, excluding)),
    ...[1, 10].map((count) => caseOf(named(count, "mutating policy"), mutatingPolicies(count))),
    caseOf("10 mutating policies that are excluded", mutatingPolicies(10, excluding)),
  ];
  const ofWebhooks = [
    ...[1, 10].map((count) =>
      caseOf(named(count, "validating webhook"), webhooks("validating", count, ready)),
    ),
    caseOf("10 validating webhooks that are excluded", webhooks("validating", 10, ready, excluding)),
    ...[1, 10].map((count) => caseOf(named(count, "mutating webhook"), webhooks("mutating", count, ready))),
    caseOf("10 mutating webhooks that are excluded", webhooks("mutating", 10, ready, excluding)),
  ];
  return [
    ...(options.only === "webhooks" ? [] : ofPolicies),
    ...(options.only === "policies" ? [] : ofWebhooks),
  ];
}

const named = (count: number, what: string): string =>
  count === 1 ? `1 ${what}` : `${count} ${what.endsWith("y") ? `${what.slice(0, -1)}ies` : `${what}s`}`;

async function configure(
  client: RawClient,
  method: "POST" | "DELETE",
  { configurations }: Case,
): Promise<void> {
  for (const { path, body } of configurations) {
    const { name } = (body as { metadata: { name: string } }).metadata;
    if (method === "POST") await ask(client, "POST", path, JSON.stringify(body));
    else await ask(client, "DELETE", `${path}/${name}`);
  }
}

async function speedOf(clients: readonly RawClient[], milliseconds: number): Promise<Speed> {
  return await measure(
    clients.map((client) => () => ask(client, "POST", configMaps, newConfigMap())),
    milliseconds,
    cluster.serverPid,
  );
}

/** One after the other, the case and nothing at all, so that the mood of the machine is the same for both. */
async function pair(clients: readonly RawClient[], each: Case, without: Speed[]): Promise<void> {
  const [first] = clients;
  if (first === undefined) return;
  without.push(await speedOf(clients, forMs));
  await configure(first, "POST", each);
  // What is configured is in force at once; what is compiled and connected for it is not what is measured.
  await speedOf(clients, 300);
  await counts();
  const speed = await speedOf(clients, forMs);
  each.speeds.push(speed);
  const { reviews, connections } = await counts();
  each.asked.push(reviews / ((speed.perSecond * forMs) / 1000));
  each.connections += connections;
  await configure(first, "DELETE", each);
}

function figureOf({ name, speeds, asked, connections }: Case, without: readonly Speed[]): Figure {
  const middle = (of: readonly Speed[], value: (speed: Speed) => number): number => median(of.map(value));
  const perSecond = middle(speeds, (speed) => speed.perSecond);
  const base = middle(without, (speed) => speed.perSecond);
  const cpu = middle(speeds, (speed) => speed.cpuMicros);
  const added = cpu - middle(without, (speed) => speed.cpuMicros);
  const calls =
    median(asked) < 0.5 ? "" : `; ${median(asked).toFixed(1)} calls each, ${connections} new connections`;
  return {
    name,
    value: perSecond,
    unit: "/s",
    note:
      `${(perSecond / base).toFixed(2)}× of without; p50 ${middle(speeds, (speed) => speed.p50Ms).toFixed(1)} ms, ` +
      `p99 ${middle(speeds, (speed) => speed.p99Ms).toFixed(1)} ms; +${added.toFixed(0)} µs of CPU on ${(cpu - added).toFixed(0)}${calls}`,
  };
}

try {
  const ready = once(hook, "message") as Promise<[WebhookReady]>;
  await cluster.up();
  const [webhook] = await ready;
  const clients = await openClients(endpointOf(cluster), clientCount);
  const all = cases(webhook);
  const without = new Map(all.map((each): [Case, Speed[]] => [each, []]));
  // The first thousand creations are those that V8 compiles by.
  await speedOf(clients, 2_000);
  for (let round = 0; round < rounds; round++) {
    for (const each of all) await pair(clients, each, without.get(each) ?? []);
    await wait(100);
  }
  report(
    `Creations by ${clientCount} clients, each beside creations without any (${busyNote()})`,
    all.map((each) => figureOf(each, without.get(each) ?? [])),
  );
  for (const client of clients) client.close();
} finally {
  hook.disconnect();
  await cluster.remove();
}
