/**
 * Images for tests and demonstrations, made of this machine's Debian packages: no registry is needed. Each is written
 * once, as a docker-save archive, to a cache folder; `node test/images/build.ts` makes all and prints where they are.
 *
 * Packages come from `apt-get download`; where that is not possible, from what is installed.
 */
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface BuiltImage {
  readonly name: string;
  /** A docker-save archive. */
  readonly archive: string;
}

export interface Recipe {
  readonly name: string;
  /** None where `fill` brings all there is. */
  readonly packages: readonly string[];
  /** Programs to copy, with their libraries, where packages cannot be fetched. */
  readonly programs: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  /** Finishes the root folder. */
  readonly fill: (root: string) => void;
}

/** Where images are kept: below the repository, and not in it. */
export const defaultCache = resolve(import.meta.dirname, "../../.cache/images");

/** `busybox:latest`: a shell and small tools, from busybox-static. */
export function buildBusybox(cache = defaultCache): Promise<BuiltImage> {
  return buildImage(
    {
      name: "busybox:latest",
      packages: ["busybox-static"],
      programs: ["busybox"],
      config: { Cmd: ["sh"], Env: [`PATH=${imagePath}`] },
      fill: (root) => {
        installBusybox(root);
        writeUsers(root);
      },
    },
    cache,
  );
}

/**
 * `nginx:latest`, or another tag with another page: behaves as the official image does. Port 80, pages in
 * /usr/share/nginx/html, logs on standard output and error.
 */
export function buildNginx(
  cache = defaultCache,
  tag = "latest",
  page = "Welcome to nginx!",
): Promise<BuiltImage> {
  return buildImage(
    {
      name: `nginx:${tag}`,
      packages: [
        "nginx",
        "nginx-common",
        "libc6",
        "libcrypt1",
        "libpcre2-8-0",
        "libssl3",
        "zlib1g",
        "busybox-static",
      ],
      programs: ["nginx", "busybox"],
      config: {
        Cmd: ["nginx", "-g", "daemon off;"],
        Env: [`PATH=${imagePath}`],
        ExposedPorts: { "80/tcp": {} },
        StopSignal: "SIGQUIT",
      },
      fill: (root) => {
        installBusybox(root);
        writeUsers(root);
        fillNginx(root, page);
      },
    },
    cache,
  );
}

export const imagePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Makes an image once; the archive of an unchanged recipe is used again. */
export async function buildImage(recipe: Recipe, cache = defaultCache): Promise<BuiltImage> {
  const archive = join(cache, `${recipe.name.replaceAll(/[:/]/g, "-")}-${recipeHash(recipe)}.tar`);
  if (existsSync(archive)) return { name: recipe.name, archive };
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), "sampan-image-"));
  try {
    const root = join(work, "root");
    makeSkeleton(root);
    await installFiles(recipe, root, work);
    recipe.fill(root);
    prune(root);
    const made = await writeArchive(recipe, root, work);
    // Beside its place first: two builders at once must not see half an archive.
    const temporary = `${archive}.${process.pid}`;
    cpSync(made, temporary);
    renameSync(temporary, archive);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return { name: recipe.name, archive };
}

/** A recipe that changes makes another archive. */
function recipeHash(recipe: Recipe): string {
  return createHash("sha256")
    .update(JSON.stringify(recipe) + recipe.fill.toString() + recipeVersion)
    .digest("hex")
    .slice(0, 8);
}

const recipeVersion = "1";

/** Debian's merged folders: packages still write to /bin and /lib. */
function makeSkeleton(root: string): void {
  for (const folder of ["usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "root", "var", "run"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const folder of ["proc", "sys", "dev", "tmp"]) mkdirSync(join(root, folder));
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  chmodSync(root, 0o755);
  chmodSync(join(root, "tmp"), 0o1777);
}

async function installFiles(recipe: Recipe, root: string, work: string): Promise<void> {
  if (recipe.packages.length === 0) return;
  const debs = join(work, "debs");
  mkdirSync(debs);
  try {
    await download(recipe.packages, debs);
  } catch (error) {
    copyInstalled(recipe, root, error);
    return;
  }
  for (const file of readdirSync(debs).filter((name) => name.endsWith(".deb"))) {
    const pipe = `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`;
    await run("sh", ["-ec", pipe, "sh", join(debs, file), root]);
  }
}

async function download(packages: readonly string[], folder: string): Promise<void> {
  // apt's own user must be able to write here; without it apt works as root and says so.
  chmodSync(folder, 0o777);
  try {
    await run("apt-get", ["download", ...packages], { cwd: folder });
  } catch {
    // A bare machine has no package lists yet.
    await run("apt-get", ["update"]);
    await run("apt-get", ["download", ...packages], { cwd: folder });
  }
}

function copyInstalled(recipe: Recipe, root: string, reason: unknown): void {
  for (const program of recipe.programs) {
    const found = imagePath
      .split(":")
      .map((folder) => join(folder, program))
      .find((file) => existsSync(file));
    if (found === undefined) {
      throw new Error(`${recipe.name} cannot be made: ${program} is not installed, and ${String(reason)}`);
    }
    const files = [found, ...libraries(found)];
    for (const file of files) {
      const target = join(root, file);
      mkdirSync(dirname(target), { recursive: true });
      if (!existsSync(target)) cpSync(realpathSync(file), target);
    }
  }
}

function libraries(program: string): string[] {
  try {
    const output = execFileSync("ldd", [program], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return [...output.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
  } catch {
    return [];
  }
}

/** Links for all the tools that busybox has; names that a package brought stay. */
export function installBusybox(root: string): void {
  const program = ["usr/bin/busybox", "bin/busybox"]
    .map((file) => join(root, file))
    .find((file) => existsSync(file));
  if (program === undefined) throw new Error("busybox-static did not bring busybox");
  const names = execFileSync(program, ["--list"], { encoding: "utf8" }).split("\n");
  for (const name of names) {
    const link = join(root, "usr/bin", name);
    if (name !== "" && name !== "busybox" && !existsSync(link)) symlinkSync("busybox", link);
  }
}

export function writeUsers(root: string): void {
  writeFileSync(
    join(root, "etc/passwd"),
    [
      "root:x:0:0:root:/root:/bin/sh",
      "daemon:x:1:1:daemon:/usr/sbin:/bin/false",
      "www-data:x:33:33:www-data:/var/www:/bin/false",
      "nginx:x:101:101:nginx:/nonexistent:/bin/false",
      "app:x:1000:1000:app:/home/app:/bin/sh",
      "nobody:x:65534:65534:nobody:/home:/bin/false",
      "",
    ].join("\n"),
  );
  const groups =
    "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnginx:x:101:\napp:x:1000:\nstaff:x:50:app\nnogroup:x:65534:\n";
  writeFileSync(join(root, "etc/group"), groups);
  mkdirSync(join(root, "home/app"), { recursive: true });
  execFileSync("chown", ["1000:1000", join(root, "home/app")]);
}

function fillNginx(root: string, page: string): void {
  for (const folder of [
    "var/log/nginx",
    "var/lib/nginx",
    "var/cache/nginx",
    "etc/nginx/conf.d",
    "usr/share/nginx/html",
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const [name, target] of [
    ["access.log", "/dev/stdout"],
    ["error.log", "/dev/stderr"],
  ] as const) {
    rmSync(join(root, "var/log/nginx", name), { force: true });
    symlinkSync(target, join(root, "var/log/nginx", name));
  }
  writeFileSync(
    join(root, "usr/share/nginx/html/index.html"),
    `<!DOCTYPE html>\n<html><head><title>${page}</title></head><body><h1>${page}</h1></body></html>\n`,
  );
  writeFileSync(
    join(root, "etc/nginx/nginx.conf"),
    `user nginx;
worker_processes 1;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
  default_type application/octet-stream;
  types { text/html html htm; text/css css; text/plain txt; application/javascript js; application/json json; image/svg+xml svg; image/png png; }
  access_log /var/log/nginx/access.log combined;
  sendfile on;
  keepalive_timeout 65;
  include /etc/nginx/conf.d/*.conf;
}
`,
  );
  writeFileSync(
    join(root, "etc/nginx/conf.d/default.conf"),
    `server {
  listen 80;
  listen [::]:80;
  server_name localhost;
  location / { root /usr/share/nginx/html; index index.html index.htm; }
}
`,
  );
}

/** What nobody reads in a container. */
function prune(root: string): void {
  for (const folder of [
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/lib/systemd",
  ]) {
    rmSync(join(root, folder), { recursive: true, force: true });
  }
  for (const folder of readdirSync(join(root, "usr/lib")).filter((name) => name.endsWith("-linux-gnu"))) {
    rmSync(join(root, "usr/lib", folder, "gconv"), { recursive: true, force: true });
  }
}

async function writeArchive(recipe: Recipe, root: string, work: string): Promise<string> {
  const out = join(work, "out");
  mkdirSync(join(out, "layer"), { recursive: true });
  const layer = join(out, "layer/layer.tar");
  // The same files make the same digests wherever and whenever.
  const stable = ["--sort=name", "--mtime=@0", "--numeric-owner"];
  await run("tar", [...stable, "-C", root, "-cf", layer, "."]);
  const config = JSON.stringify({
    architecture: { x64: "amd64", ia32: "386" }[process.arch as string] ?? process.arch,
    os: "linux",
    config: recipe.config,
    rootfs: { type: "layers", diff_ids: [`sha256:${await hashFile(layer)}`] },
  });
  const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
  writeFileSync(join(out, configName), config);
  writeFileSync(
    join(out, "manifest.json"),
    JSON.stringify([{ Config: configName, RepoTags: [recipe.name], Layers: ["layer/layer.tar"] }]),
  );
  const archive = join(work, "image.tar");
  await run("tar", [...stable, "-C", out, "-cf", archive, "manifest.json", configName, "layer/layer.tar"]);
  return archive;
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const cache = process.argv[2] === undefined ? defaultCache : resolve(process.argv[2]);
  for (const image of [await buildBusybox(cache), await buildNginx(cache)])
    console.log(`${image.name}\t${image.archive}`);
}
