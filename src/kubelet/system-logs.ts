/**
 * `/logs/`: the folder of the host's own logs, as a kubelet shows it to whoever may use `nodes/proxy`. Where a kubelet would
 * follow a link out of the folder this does not: pods that may write there could have it read any file of the host.
 */
import { constants } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join, posix, sep } from "node:path";
import type { NodePage } from "../streaming/node-connection.ts";

const prefix = "/logs";
/** So much is looked at to tell text from other things. */
const sampleBytes = 512;

/** Undefined for what is not there, and for what is neither file nor folder. */
export async function systemLogs(path: string, directory: string): Promise<NodePage | undefined> {
  if (path !== prefix && !path.startsWith(`${prefix}/`)) return undefined;
  const inside = posix.normalize(`/${path.slice(prefix.length)}`);
  try {
    const root = await realpath(directory);
    const target = await realpath(join(root, inside));
    if (target !== root && !target.startsWith(root + sep)) return undefined;
    const status = await stat(target);
    if (status.isDirectory()) return path.endsWith("/") ? await listing(target) : movedTo(path);
    return status.isFile() ? await file(target) : undefined;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return undefined;
    throw error;
  }
}

/** Relative, as the client's address has the proxy's before it. */
const movedTo = (path: string): NodePage => ({
  contentType: "text/html; charset=utf-8",
  body: "",
  location: `${posix.basename(path)}/`,
});

async function listing(directory: string): Promise<NodePage> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).toSorted();
  const links = names.map((name) => `<a href="${address(name)}">${escaped(name)}</a>\n`);
  return {
    contentType: "text/html; charset=utf-8",
    body: `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join("")}</pre>\n`,
  };
}

// Nobody may put something in its place that makes who opens it wait.
const reading = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** As much as there was when it was asked for: a log grows while it is read. */
async function file(path: string): Promise<NodePage> {
  await using handle = await open(path, reading);
  const { size } = await handle.stat();
  const sample = Buffer.alloc(Math.min(size, sampleBytes));
  await handle.read(sample, 0, sample.length, 0);
  const contentType = sample.includes(0) ? "application/octet-stream" : "text/plain; charset=utf-8";
  return { contentType, body: "", ...(size > 0 && { chunks: read(path, size) }) };
}

/** Opens the file when the first piece is asked for: nobody may ask. */
async function* read(path: string, size: number): AsyncGenerator<Uint8Array> {
  await using handle = await open(path, reading);
  yield* handle.createReadStream({ start: 0, end: size - 1, autoClose: false });
}

const address = (name: string): string =>
  `${name.includes(":") ? "./" : ""}${encodeURIComponent(name).replaceAll("%2F", "/")}`;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&#34;");
