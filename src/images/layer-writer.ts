/**
 * Writes the entries of one layer into a folder that serves as an overlay layer: whiteouts become 0:0 devices, opaque
 * folders get their attribute. No entry can reach outside the folder: ".." is refused, and links on the way to a file
 * are followed as the container would, with the folder as its root.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type TarEntry, TarError, type TarSink } from "./tar-reader.ts";

/** What Node cannot do by itself. */
export interface LayerSystem {
  mknod(path: string, mode: number, device: bigint): void;
  setAttribute(path: string, name: string, value: Uint8Array): void;
}

const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;
const whiteoutPrefix = ".wh.";
const opaqueWhiteout = ".wh..wh..opq";
const maxLinks = 255;

export class LayerWriter implements TarSink {
  readonly #root: string;
  readonly #system: LayerSystem;
  /** Folders below the root, as relative paths, that are known to be real folders. */
  readonly #folders = new Set<string>([""]);
  /** Times of folders are set at the end: writing into them changes them. */
  readonly #folderTimes = new Map<string, number>();
  #file: { readonly fd: number; readonly entry: TarEntry } | undefined;
  #sizeBytes = 0;

  constructor(root: string, system: LayerSystem) {
    this.#root = root;
    this.#system = system;
  }

  /** Bytes of file content written. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  begin(entry: TarEntry): void {
    const parts = safeParts(entry.name);
    const base = parts.pop();
    if (base === undefined) {
      if (entry.type === "directory") this.#describe(this.#root, entry);
      return;
    }
    const folder = this.#folder(parts);
    if (base === opaqueWhiteout) {
      this.#system.setAttribute(join(this.#root, folder), "trusted.overlay.opaque", Buffer.from("y"));
    } else if (base.startsWith(whiteoutPrefix)) {
      const target = join(this.#root, folder, base.slice(whiteoutPrefix.length));
      this.#clear(target, joinRelative(folder, base.slice(whiteoutPrefix.length)));
      this.#system.mknod(target, S_IFCHR, 0n);
    } else {
      this.#create(entry, joinRelative(folder, base));
    }
  }

  data(chunk: Uint8Array): void {
    if (this.#file === undefined) return;
    this.#sizeBytes += chunk.length;
    for (let written = 0; written < chunk.length; ) {
      written += writeSync(this.#file.fd, chunk, written, chunk.length - written);
    }
  }

  end(): void {
    if (this.#file === undefined) return;
    const { fd, entry } = this.#file;
    this.#file = undefined;
    try {
      // Owner before mode: changing the owner clears the set-user-id bit.
      if (entry.uid !== 0 || entry.gid !== 0) fchownSync(fd, entry.uid, entry.gid);
      fchmodSync(fd, entry.mode);
      futimesSync(fd, entry.mtimeMs / 1000, entry.mtimeMs / 1000);
    } finally {
      closeSync(fd);
    }
    if (entry.attributes.size > 0) this.#attributes(this.#openPath, entry);
  }

  /** Call once after the last entry. */
  finish(): void {
    for (const [folder, mtimeMs] of this.#folderTimes) {
      lutimesSync(join(this.#root, folder), mtimeMs / 1000, mtimeMs / 1000);
    }
  }

  /** Releases what a broken archive left open. */
  abort(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #openPath = "";

  #create(entry: TarEntry, relative: string): void {
    const path = join(this.#root, relative);
    if (entry.type === "directory") return this.#createFolder(entry, relative, path);
    this.#clear(path, relative);
    switch (entry.type) {
      case "file":
        this.#file = { fd: openSync(path, "wx", 0o600), entry };
        this.#openPath = path;
        return;
      case "hardlink": {
        const parts = safeParts(entry.linkName);
        const base = parts.pop() ?? "";
        linkSync(join(this.#root, this.#folder(parts), base), path);
        return;
      }
      case "symlink":
        symlinkSync(entry.linkName, path);
        break;
      case "characterDevice":
      case "blockDevice":
        this.#system.mknod(
          path,
          (entry.type === "blockDevice" ? S_IFBLK : S_IFCHR) | entry.mode,
          deviceNumber(entry.deviceMajor, entry.deviceMinor),
        );
        break;
      case "fifo":
        this.#system.mknod(path, S_IFIFO | entry.mode, 0n);
    }
    this.#describe(path, entry);
  }

  #createFolder(entry: TarEntry, relative: string, path: string): void {
    if (!this.#folders.has(relative)) {
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
        this.#clear(path, relative);
        mkdirSync(path);
      }
      this.#folders.add(relative);
    }
    this.#describe(path, entry);
    this.#folderTimes.set(relative, entry.mtimeMs);
  }

  #describe(path: string, entry: TarEntry): void {
    if (entry.uid !== 0 || entry.gid !== 0 || entry.type === "directory")
      lchownSync(path, entry.uid, entry.gid);
    if (entry.type !== "symlink") chmodSync(path, entry.mode);
    this.#attributes(path, entry);
    if (entry.type !== "directory") lutimesSync(path, entry.mtimeMs / 1000, entry.mtimeMs / 1000);
  }

  #attributes(path: string, entry: TarEntry): void {
    for (const [name, value] of entry.attributes) this.#system.setAttribute(path, name, value);
  }

  /** A later entry replaces an earlier one, also one of another type. */
  #clear(path: string, relative: string): void {
    rmSync(path, { recursive: true, force: true });
    if (!this.#folders.has(relative)) return;
    for (const known of this.#folders) {
      if (known === relative || known.startsWith(`${relative}/`)) {
        this.#folders.delete(known);
        this.#folderTimes.delete(known);
      }
    }
  }

  /** The real folder that a path means, as a path below the root; made where it is missing. */
  #folder(parts: readonly string[]): string {
    const direct = parts.join("/");
    if (this.#folders.has(direct)) return direct;
    const pending = [...parts].reverse();
    let current = "";
    let links = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "..") {
        current = current.includes("/") ? current.slice(0, current.lastIndexOf("/")) : "";
        continue;
      }
      const next = joinRelative(current, part);
      const path = join(this.#root, next);
      const status = this.#folders.has(next) ? undefined : lstatSync(path, { throwIfNoEntry: false });
      if (status?.isSymbolicLink() === true) {
        if (++links > maxLinks) throw new TarError(`too many links on the way to ${direct}`);
        const target = readlinkSync(path);
        if (target.startsWith("/")) current = "";
        pending.push(
          ...target
            .split("/")
            .filter((step) => step !== "" && step !== ".")
            .reverse(),
        );
        continue;
      }
      if (!this.#folders.has(next)) {
        if (status === undefined) mkdirSync(path, 0o755);
        else if (!status.isDirectory()) throw new TarError(`${next} is not a folder`);
        this.#folders.add(next);
      }
      current = next;
    }
    return current;
  }
}

/** The steps of a name below the root. Throws on a step that leaves it. */
function safeParts(name: string): string[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new TarError(`the name "${name}" leads outside the image`);
  return parts;
}

const joinRelative = (folder: string, name: string): string => (folder === "" ? name : `${folder}/${name}`);

/** glibc's makedev. */
function deviceNumber(major: number, minor: number): bigint {
  const wide = [BigInt(major), BigInt(minor)] as const;
  return (
    ((wide[0] & 0xfffn) << 8n) |
    ((wide[0] & 0xfffff000n) << 32n) |
    (wide[1] & 0xffn) |
    ((wide[1] & 0xffffff00n) << 12n)
  );
}
