/**
 * `sampan.dev/node:host`: an image made of what this machine runs already — the Node that runs Sampan, the libraries it
 * is linked with, and the few files of /etc that programs expect. It needs no network and no registry. Files are linked
 * into the layer where the file system allows, so it takes neither time nor space.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { hostArchitecture } from "./image-config.ts";
import type { ImageStore, StoredImage } from "./image-store.ts";

export const hostImageName = "sampan.dev/node:host";

const certificateFiles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/** Makes the image unless the store has it, made from the same files. */
export async function assembleHostImage(store: ImageStore): Promise<StoredImage> {
  const program = realpathSync(process.execPath);
  const libraries = await linkedLibraries(program);
  const certificates = certificateFiles.find((path) => existsSync(path));
  const sources = [
    program,
    ...libraries.map(({ file }) => file),
    ...(certificates === undefined ? [] : [certificates]),
  ];
  const diffId = fingerprint(sources);
  const configText = configuration(diffId);
  const id = `sha256:${createHash("sha256").update(configText).digest("hex")}`;
  const present = store.image(id);
  if (present !== undefined && store.layer(diffId) !== undefined) {
    store.putName(hostImageName, id, true);
    return present;
  }
  const temporary = store.temporaryDirectory();
  try {
    const root = join(temporary, "root");
    mkdirSync(root, { mode: 0o755 });
    chmodSync(root, 0o755);
    fillRoot(root, program, libraries, certificates);
    const sizeBytes = sources.reduce((sum, file) => sum + statSync(file).size, 0);
    store.putLayer({ diffId, sizeBytes }, root);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  const image = store.putImage(id, configText);
  store.putName(hostImageName, id, true);
  return image;
}

interface Library {
  /** Where the program looks for it. */
  readonly path: string;
  /** Where it really is. */
  readonly file: string;
}

/** What the dynamic loader would load; empty for a static program. */
async function linkedLibraries(program: string): Promise<Library[]> {
  let output: string;
  try {
    output = (await promisify(execFile)("ldd", [program], { encoding: "utf8" })).stdout;
  } catch {
    return [];
  }
  const paths = output
    .split("\n")
    .map((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1])
    .filter((path) => path !== undefined);
  // Loaded by name at run time, for getaddrinfo: ldd does not show them.
  const libc = paths.find((path) => path.endsWith("/libc.so.6"));
  const resolvers = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"].map((name) =>
    join(dirname(libc ?? "/nowhere/x"), name),
  );
  return [...new Set([...paths, ...resolvers])]
    .filter((path) => existsSync(path))
    .map((path) => ({ path, file: realpathSync(path) }));
}

/** Stands for the content without reading 120 MB at every start: a file that changed has another size, inode or time. */
function fingerprint(files: readonly string[]): string {
  const hash = createHash("sha256").update(`${layoutVersion}\n`);
  for (const file of files) {
    const { size, ino, mtimeMs } = statSync(file);
    hash.update(`${file} ${size} ${ino} ${mtimeMs}\n`);
  }
  return `sha256:${hash.digest("hex")}`;
}

/** Changes with what fillRoot writes. */
const layoutVersion = "2";

function fillRoot(
  root: string,
  program: string,
  libraries: readonly Library[],
  certificates: string | undefined,
): void {
  const folders = [
    "etc",
    "tmp",
    "proc",
    "sys",
    "dev",
    "root",
    "home/node",
    "usr/local/bin",
    "usr/bin",
    "var/tmp",
    "run",
  ];
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true, mode: 0o755 });
  chmodSync(join(root, "tmp"), 0o1777);
  chmodSync(join(root, "var/tmp"), 0o1777);
  place(program, join(root, "usr/local/bin/node"));
  // Scripts begin with /usr/bin/env node; there is no env, but /usr/bin/node is the second place they look.
  symlinkSync("../local/bin/node", join(root, "usr/bin/node"));
  for (const { path, file } of libraries) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    if (!existsSync(target)) place(file, target);
  }
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/sbin/nologin\nnode:x:1000:1000:node:/home/node:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
  );
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n");
  writeFileSync(join(root, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
  writeFileSync(join(root, "etc/hosts"), "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
  if (certificates !== undefined) {
    mkdirSync(join(root, "etc/ssl/certs"), { recursive: true });
    copyFileSync(certificates, join(root, "etc/ssl/certs", basename(certificates)));
  }
}

/**
 * A hard link costs nothing and a copy shares its blocks where the file system can. The program's own file is never
 * written by a container: it is in a lower layer, which overlay only reads.
 */
function place(file: string, target: string): void {
  try {
    linkSync(file, target);
  } catch {
    const COPYFILE_FICLONE = 2;
    copyFileSync(file, target, COPYFILE_FICLONE);
    chmodSync(target, 0o755);
  }
}

function configuration(diffId: string): string {
  return JSON.stringify({
    architecture: hostArchitecture(),
    os: "linux",
    config: {
      Entrypoint: ["node"],
      Cmd: ["--version"],
      Env: ["PATH=/usr/local/bin:/usr/bin", `NODE_VERSION=${process.versions.node}`],
      WorkingDir: "/",
      Labels: { "org.opencontainers.image.title": "Node.js of this machine" },
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
  });
}
