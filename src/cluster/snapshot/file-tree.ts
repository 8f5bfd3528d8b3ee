import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import type { BundleWriter } from "./bundle.ts";

/** A file of a tree. Names are bytes to Linux: paths stand here with a character for each byte. */
export interface TreeEntry {
  readonly type: "directory" | "file" | "symlink" | "link";
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  /** Of a symlink what it says, of a hard link the path of the same file before it. */
  readonly target?: string;
}

export interface SavedTree {
  readonly files: number;
  readonly bytes: number;
  /** Devices and pipes, which are not saved; a socket means nothing without its process and is not named. */
  readonly left: readonly string[];
}

const pieceBytes = 512 * 1024;
const zeros = Buffer.alloc(pieceBytes);

/**
 * Writes what lies below `root`/`path` as entries, files with their data: modes, owners, times, symbolic and hard links
 * are kept, extended attributes are not. What vanishes meanwhile is left out.
 */
export function writeTree(writer: BundleWriter, root: string, path: string): SavedTree {
  const walk = new TreeWalk(writer, Buffer.from(`${root}/`));
  walk.add(Buffer.from(path));
  return walk;
}

class TreeWalk implements SavedTree {
  files = 0;
  bytes = 0;
  readonly left: string[] = [];
  readonly #writer: BundleWriter;
  readonly #root: Buffer;
  /** The first path of each file that has several names. */
  readonly #linked = new Map<string, string>();

  constructor(writer: BundleWriter, root: Buffer) {
    this.#writer = writer;
    this.#root = root;
  }

  add(path: Buffer): void {
    try {
      this.#add(path, lstatSync(this.#full(path)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  #add(path: Buffer, stats: Stats): void {
    if (stats.isDirectory()) {
      this.#entry("directory", path, stats);
      const names = readdirSync(this.#full(path), { encoding: "buffer" });
      for (const name of names) this.add(Buffer.concat([path, Buffer.from("/"), name]));
    } else if (stats.isSymbolicLink()) {
      const target = readlinkSync(this.#full(path), { encoding: "buffer" }).toString("latin1");
      this.#entry("symlink", path, stats, target);
    } else if (stats.isFile()) this.#addFile(path, stats);
    else if (!stats.isSocket()) this.left.push(path.toString());
  }

  #addFile(path: Buffer, stats: Stats): void {
    const identity = `${stats.dev}:${stats.ino}`;
    const first = this.#linked.get(identity);
    if (first !== undefined) {
      this.#entry("link", path, stats, first);
      return;
    }
    if (stats.nlink > 1) this.#linked.set(identity, path.toString("latin1"));
    const descriptor = openSync(this.#full(path), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      this.#entry("file", path, stats);
      const piece = Buffer.allocUnsafe(pieceBytes);
      for (let count = readSync(descriptor, piece); count > 0; count = readSync(descriptor, piece)) {
        this.#writer.data(piece.subarray(0, count));
        this.bytes += count;
      }
    } finally {
      closeSync(descriptor);
    }
  }

  #entry(type: TreeEntry["type"], path: Buffer, stats: Stats, target?: string): void {
    const { mode, uid, gid, mtimeMs } = stats;
    this.files++;
    const entry: TreeEntry = {
      type,
      path: path.toString("latin1"),
      mode: mode & 0o7777,
      uid,
      gid,
      mtimeMs,
      ...(target !== undefined && { target }),
    };
    this.#writer.entry({ type: "tree", file: entry });
  }

  #full(path: Buffer): Buffer {
    return Buffer.concat([this.#root, path]);
  }
}

/**
 * Makes files from entries, below a new folder. Blocks of zeros become holes, as they were. Owners are set where the
 * user may; times of folders are set by `end`, when all that is in them has been made.
 */
export class TreeReader {
  readonly #root: Buffer;
  readonly #isRoot = process.getuid?.() === 0;
  #open: { readonly descriptor: number; readonly entry: TreeEntry; size: number } | undefined;
  readonly #directories: TreeEntry[] = [];

  constructor(root: string) {
    this.#root = Buffer.from(`${root}/`);
  }

  /** Throws RangeError for a path that leads out of the folder. */
  add(entry: TreeEntry): void {
    this.#closeFile();
    const full = this.#full(entry.path);
    if (entry.type === "directory") {
      mkdirSync(full, { recursive: true, mode: 0o700 });
      this.#directories.push(entry);
    } else if (entry.type === "symlink") {
      symlinkSync(Buffer.from(entry.target ?? "", "latin1"), full);
      if (this.#isRoot) lchownSync(full, entry.uid, entry.gid);
    } else if (entry.type === "link") linkSync(this.#full(entry.target ?? ""), full);
    else {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      this.#open = { descriptor: openSync(full, flags, 0o600), entry, size: 0 };
    }
  }

  /** Data of the file added last. */
  write(bytes: Buffer): void {
    if (this.#open === undefined) throw new RangeError("data without a file");
    const { descriptor, size } = this.#open;
    this.#open.size += bytes.byteLength;
    if (bytes.byteLength <= zeros.byteLength && bytes.equals(zeros.subarray(0, bytes.byteLength))) return;
    for (let done = 0; done < bytes.byteLength; ) {
      done += writeSync(descriptor, bytes, done, bytes.byteLength - done, size + done);
    }
  }

  end(): void {
    this.#closeFile();
    for (const { path, mode, uid, gid, mtimeMs } of this.#directories.reverse()) {
      const full = this.#full(path);
      if (this.#isRoot) lchownSync(full, uid, gid);
      chmodSync(full, mode);
      utimesSync(full, mtimeMs / 1000, mtimeMs / 1000);
    }
  }

  #closeFile(): void {
    if (this.#open === undefined) return;
    const { descriptor, entry, size } = this.#open;
    this.#open = undefined;
    try {
      ftruncateSync(descriptor, size);
      if (this.#isRoot) fchownSync(descriptor, entry.uid, entry.gid);
      fchmodSync(descriptor, entry.mode);
      futimesSync(descriptor, entry.mtimeMs / 1000, entry.mtimeMs / 1000);
    } finally {
      closeSync(descriptor);
    }
  }

  #full(path: string): Buffer {
    const parts = path.split("/");
    if (parts.some((part) => part === "" || part === "." || part === "..")) {
      throw new RangeError(`${path} leads out of the folder`);
    }
    return Buffer.concat([this.#root, Buffer.from(path, "latin1")]);
  }
}
