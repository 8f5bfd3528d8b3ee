import { setTimeout as wait } from "node:timers/promises";
import type { Service } from "../api/types/core-v1.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { StatusError } from "../apimachinery/status.ts";
import type { Client } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import type { Instance } from "../cluster/instance.ts";
import { applyObject } from "../kubectl/apply/apply-object.ts";
import { type Manifest, ManifestError, readManifests } from "../kubectl/manifests.ts";
import { type MappedResource, RestMapper } from "../kubectl/rest-mapper.ts";
import { CommandError, type Io } from "./command.ts";
import { connect } from "./connect.ts";
import { formatMs, type Progress } from "./progress.ts";
import { type Readiness, readinessOf } from "./readiness.ts";

export interface ApplyAndWait {
  readonly instance: Instance;
  readonly files: readonly string[];
  readonly timeoutMs: number;
  readonly io: Io;
  readonly progress: Progress;
}

interface Applied {
  readonly resource: MappedResource;
  readonly object: UnstructuredObject;
}

const pollMs = 50;

/** Applies the files, waits until everything in them runs, and prints where it is reached. */
export async function applyAndWait({
  instance,
  files,
  timeoutMs,
  io,
  progress,
}: ApplyAndWait): Promise<number> {
  const manifests = read(files);
  const { client, close } = await connect(instance);
  try {
    const startMs = performance.now();
    progress.start(`applying ${files.join(", ")}`);
    const applied = await applyAll(client, manifests, io, progress);
    progress.done();
    const appliedMs = performance.now();
    await waitForAll(client, applied, timeoutMs, progress);
    progress.done();
    const readyMs = performance.now();
    io.out(
      `Applied in ${formatMs(appliedMs - startMs)}, running after another ${formatMs(readyMs - appliedMs)}.\n`,
    );
    for (const line of await addresses(client, applied)) io.out(`${line}\n`);
    return 0;
  } finally {
    progress.done();
    close();
  }
}

function read(files: readonly string[]): Manifest[] {
  try {
    return readManifests(files);
  } catch (error) {
    if (error instanceof ManifestError)
      throw new CommandError(error.message, {
        remedy: "the cluster runs; correct the file and run the same command again",
        cause: error,
      });
    throw error;
  }
}

/** One after another, in the order of the files; all failures are told, not only the first. */
async function applyAll(
  client: Client,
  manifests: readonly Manifest[],
  io: Io,
  progress: Progress,
): Promise<Applied[]> {
  const mapper = new RestMapper(client.transport);
  const applied: Applied[] = [];
  const failures: string[] = [];
  for (const { object, source } of manifests) {
    const { apiVersion, kind, metadata } = object;
    const resource = await mapper.forKind(apiVersion, kind);
    if (resource === undefined) {
      failures.push(`${source}: no matches for kind "${kind}" in version "${apiVersion}"`);
      continue;
    }
    try {
      const namespace = resource.namespaced ? (metadata.namespace ?? "default") : undefined;
      const result = await applyObject(client, resource, object, { namespace });
      const name =
        resource.group === "" ? resource.singularName : `${resource.singularName}.${resource.group}`;
      progress.done();
      io.out(`${name}/${metadata.name} ${result.outcome}\n`);
      applied.push({ resource, object: result.object });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      failures.push(`${source}: ${error.message}`);
    }
  }
  if (failures.length > 0) {
    throw new CommandError(
      `${failures.length} of ${manifests.length} objects could not be applied:\n  ${failures.join("\n  ")}`,
      {
        remedy:
          "the cluster runs, and the other objects were applied; correct the file and run the same command again",
      },
    );
  }
  return applied;
}

async function waitForAll(
  client: Client,
  applied: readonly Applied[],
  timeoutMs: number,
  progress: Progress,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (const item of applied) {
    const label = `${item.resource.singularName}/${item.object.metadata.name}`;
    progress.start(`waiting for ${label}`);
    for (;;) {
      const state = await look(client, item);
      if (state.ready) break;
      progress.update(`waiting for ${label}: ${state.waitingFor}`);
      if (state.failed || performance.now() > deadlineMs) {
        throw new CommandError(`${label} is not running: ${state.waitingFor}`, {
          remedy: `look closer with: kubectl describe ${item.resource.singularName} ${item.object.metadata.name}\nand: kubectl get events --sort-by=.lastTimestamp`,
        });
      }
      await wait(pollMs);
    }
  }
}

async function look(client: Client, { resource, object }: Applied): Promise<Readiness> {
  const { name = "", namespace } = object.metadata;
  const current = await client.resource<UnstructuredObject>({ ...resource, object }).get(name, { namespace });
  return readinessOf(current);
}

/** Where each Service among the objects is reached. */
async function addresses(client: Client, applied: readonly Applied[]): Promise<string[]> {
  const lines: string[] = [];
  for (const { object } of applied) {
    if (object.kind !== "Service") continue;
    const { name = "", namespace } = object.metadata;
    const service = await client.resource(resources.services).get(name, { namespace });
    const urls = urlsOf(service);
    if (urls.length > 0) lines.push(`Service ${name}: ${urls.join("  ")}`);
  }
  return lines;
}

function urlsOf(service: Service): string[] {
  const { spec, status } = service;
  const ports = (spec.ports ?? []).filter(({ protocol }) => (protocol ?? "TCP") === "TCP");
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  if (ingress.length > 0) return ingress.flatMap((ip) => ports.map(({ port }) => `http://${ip}:${port}`));
  if (spec.clusterIP === undefined || spec.clusterIP === "None" || spec.clusterIP === "") return [];
  return ports.map(({ port }) => `http://${spec.clusterIP}:${port} (from this machine)`);
}
