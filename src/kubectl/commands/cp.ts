import { once } from "node:events";
import { statSync } from "node:fs";
import { basename, posix } from "node:path";
import { PassThrough } from "node:stream";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { type FileSpec, parseFileSpec, withoutShortcuts } from "../copy/file-spec.ts";
import { KubectlError, PlainError, plainText } from "../errors.ts";
import { attachablePod, chooseContainer, podResource } from "../pod-selection.ts";
import { type RemoteProcess, runInContainer } from "../remote-process.ts";

export const cpCommand: KubectlCommand = {
  usage: "<file-spec-src> <file-spec-dest>",
  summary: "Copy files and directories to and from containers",
  flags: {
    container: { type: "string", short: "c", help: "in this container" },
    "no-preserve": { type: "bool", help: "do not keep owner and mode" },
    retries: { type: "int", default: 0, help: "how often to go on after a failure; below 0 without end" },
  },
  run: copy,
};

async function copy(context: CommandContext): Promise<void> {
  const [from, to, ...rest] = context.args;
  if (from === undefined || to === undefined || rest.length > 0) {
    throw new KubectlError("source and destination are required");
  }
  const source = parseFileSpec(from);
  const destination = parseFileSpec(to);
  if (source.pod !== "" && destination.pod !== "") {
    throw new KubectlError("one of src or dest must be a local file specification");
  }
  if (source.file === "" || destination.file === "") throw new KubectlError("filepath can not be empty");
  if (source.pod !== "") return await copyFromPod(context, source, destination.file);
  if (destination.pod !== "") return await copyToPod(context, source.file, destination);
  throw new KubectlError("one of src or dest must be a remote file specification");
}

type Place = Pick<RemoteProcess, "pod" | "namespace" | "container">;

async function placeOf(context: CommandContext, { pod: name, namespace: given }: FileSpec): Promise<Place> {
  const { session, flags } = context;
  const namespace = given === "" ? session.namespace : given;
  const resource = await podResource(session);
  const pod = await attachablePod(context, { resource, namespace, name });
  const phase = pod.status?.phase;
  if (phase === "Succeeded" || phase === "Failed") {
    throw new KubectlError(`cannot exec into a container in a completed pod; current phase is ${phase}`);
  }
  const asked = flags.string("container");
  return { pod: name, namespace, container: asked === "" ? chooseContainer(context, pod, "").name : asked };
}

async function copyFromPod(context: CommandContext, source: FileSpec, destination: string): Promise<void> {
  const { session, io, flags } = context;
  const { unpack } = await import("../copy/unpack.ts");
  const place = await placeOf(context, source);
  const linkAdvice = ` (consider using "kubectl exec -n ${JSON.stringify(place.namespace)} ${JSON.stringify(place.pod)} -- tar cf - ${JSON.stringify(source.file)} | tar xf -")`;
  const tar = new PassThrough();
  const done = unpack(tar, {
    prefix: withoutShortcuts(posix.normalize(source.file)).replace(/\/$/, ""),
    destination,
    warn: (text) => io.err(text),
    linkAdvice,
  });
  // A failure is told by whoever waits for it below.
  const unpacked = { failed: false };
  done.catch(() => (unpacked.failed = true));
  /** The container waits with the disk here: what nobody has written yet is not kept. */
  const take = async (chunk: Buffer): Promise<void> => {
    if (!tar.write(chunk)) await Promise.race([once(tar, "drain"), done]);
  };
  let received = 0;
  const retries = flags.int("retries");
  for (let tries = 0; ; tries++) {
    const command =
      received === 0
        ? ["tar", "cf", "-", source.file]
        : ["sh", "-c", `tar cf - ${source.file} | tail -c+${received + 1}`];
    try {
      await runInContainer(session, {
        ...place,
        command,
        stdout: (chunk) => {
          received += chunk.length;
          return take(chunk);
        },
        stderr: (chunk) => io.err(chunk),
      });
      break;
    } catch (error) {
      if (unpacked.failed) throw error;
      // What the program itself refused would be refused again.
      if (retries >= 0 && tries >= retries) {
        tar.destroy(new Error("the copy was given up"));
        if (retries > 0) io.err(`Dropping out copy after ${retries} retries\n`);
        throw error;
      }
      const limit = retries < 0 ? "" : `/${retries}`;
      io.err(`Resuming copy at ${received} bytes, retry ${tries}${limit} - ${plainText(error)}\n`);
    }
  }
  tar.end();
  await done;
}

async function copyToPod(context: CommandContext, source: string, destination: FileSpec): Promise<void> {
  const { session, io, flags } = context;
  if (statSync(source, { throwIfNoEntry: false }) === undefined) {
    throw new KubectlError(`${source} doesn't exist in local filesystem`);
  }
  const { packFile } = await import("../copy/pack.ts");
  const place = await placeOf(context, destination);
  const clean = posix.normalize(destination.file).replace(/(.)\/$/, "$1");
  const target = (await isFolder(context, place, clean)) ? posix.join(clean, basename(source)) : clean;
  const folder = posix.dirname(target);
  const { archive, done } = packFile(source, posix.basename(target));
  const keep = flags.bool("no-preserve") ? ["--no-same-permissions", "--no-same-owner"] : [];
  done.catch(() => undefined);
  await runInContainer(session, {
    ...place,
    command: ["tar", ...keep, "-xmf", "-", ...(folder === "" ? [] : ["-C", folder])],
    stdin: archive,
    stdout: (chunk) => io.out(chunk),
    stderr: (chunk) => io.err(chunk),
  });
  await done;
}

async function isFolder({ session }: CommandContext, place: Place, path: string): Promise<boolean> {
  try {
    await runInContainer(session, { ...place, command: ["test", "-d", path] });
    return true;
  } catch (error) {
    // Also where there is no `test`: then tar says what is missing.
    if (error instanceof PlainError || error instanceof KubectlError) return false;
    throw error;
  }
}
