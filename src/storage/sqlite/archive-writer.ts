import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { FormerVersion } from "../archive.ts";
import { blocksIn, blockTypes, encodeBlock } from "./archive-blocks.ts";
import { packVersions, versionBytes } from "./archive-versions.ts";

export interface ArchiveWriterOptions {
  readonly directory: string;
  /** Of all files together, about. */
  readonly sizeBytesMax: number;
}

/** A file of the archive, as far as it has been written. */
export interface ArchiveFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** This one and those after it tell every change after `begin`. */
interface Segment {
  readonly path: string;
  readonly number: number;
  readonly begin: number;
  sizeBytes: number;
}

/**
 * The files of the archive, in the writer thread: segments that are appended to, `NUMBER-BEGIN.history`. When they take
 * too much the oldest goes, and the archive begins where the next one does. Nothing is opened or read before there is
 * something to write, so that a start does not wait for it.
 */
export class ArchiveWriter {
  readonly #options: ArchiveWriterOptions;
  readonly #newest: () => number;
  readonly #compacted: () => number;
  /** From where on the store had everything when this archive began, or when it was opened. */
  #begin: number;
  /** What is there from before does not lead up to what the store has. */
  #isCut: boolean;
  #segments: Segment[] | undefined;
  #file: number | undefined;

  /** `newest` and `compacted` tell revisions of the store. */
  constructor(
    options: ArchiveWriterOptions,
    store: { readonly newest: () => number; readonly compacted: () => number; readonly isCut: boolean },
  ) {
    this.#options = options;
    this.#newest = store.newest;
    this.#compacted = store.compacted;
    this.#isCut = store.isCut;
    this.#begin = store.compacted();
  }

  notes(text: string, first: number, last: number): void {
    this.#append(encodeBlock(blockTypes.notes, first, last, Buffer.from(text)));
  }

  /** In blocks of a bounded size, however many they are. */
  versions(versions: Iterable<FormerVersion>): void {
    let block: FormerVersion[] = [];
    let sizeBytes = 0;
    for (const version of versions) {
      block.push(version);
      sizeBytes += versionBytes(version);
      if (sizeBytes < blockBytes) continue;
      this.#appendVersions(block);
      block = [];
      sizeBytes = 0;
    }
    this.#appendVersions(block);
  }

  /** Forgets everything. */
  beginAnew(): void {
    this.#isCut = true;
    this.#begin = this.#compacted();
    this.#segments = undefined;
    this.#close();
    this.#open();
  }

  /** What there is, and from which revision on it tells every change. */
  files(): { readonly begin: number; readonly files: readonly ArchiveFile[] } {
    const segments = this.#open();
    return {
      begin: segments[0]?.begin ?? this.#begin,
      files: segments.map(({ path, sizeBytes }) => ({ path, sizeBytes })),
    };
  }

  /** What was appended is on the disk when the call returns. */
  sync(): void {
    if (this.#file !== undefined) fdatasyncSync(this.#file);
  }

  /** Leaves nothing behind: for when it cannot be written any more. */
  remove(): void {
    this.#close();
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  close(): void {
    this.#close();
  }

  #appendVersions(versions: readonly FormerVersion[]): void {
    if (versions.length === 0) return;
    const revisions = versions.map(({ revision }) => revision);
    const [first, last] = [Math.min(...revisions), Math.max(...revisions)];
    this.#append(encodeBlock(blockTypes.versions, first, last, packVersions(versions)));
  }

  #append(block: Buffer): void {
    const segments = this.#open();
    const { file, segment } = this.#current(segments);
    try {
      for (let written = 0; written < block.length; )
        written += writeSync(file, block, written, block.length - written, segment.sizeBytes + written);
    } catch (error) {
      ftruncateSync(file, segment.sizeBytes);
      throw error;
    }
    segment.sizeBytes += block.length;
    let allBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    while (allBytes > this.#options.sizeBytesMax && segments.length > 1) {
      const [oldest] = segments.splice(0, 1);
      allBytes -= oldest?.sizeBytes ?? 0;
      if (oldest !== undefined) rmSync(oldest.path, { force: true });
    }
  }

  /** The file to append to; a new one when there is none, or the last is full. */
  #current(segments: Segment[]): { file: number; segment: Segment } {
    const last = segments.at(-1);
    if (this.#file !== undefined && last !== undefined && last.sizeBytes < this.#segmentBytes)
      return { file: this.#file, segment: last };
    this.#close();
    const number = (last?.number ?? 0) + 1;
    const begin = last === undefined ? this.#begin : this.#newest();
    const path = join(this.#options.directory, `${String(number).padStart(8, "0")}-${begin}.history`);
    const segment = { path, number, begin, sizeBytes: 0 };
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
    this.#file = openSync(path, "w", 0o600);
    segments.push(segment);
    return { file: this.#file, segment };
  }

  get #segmentBytes(): number {
    return Math.ceil(this.#options.sizeBytesMax / segmentsMin);
  }

  /** Finds what is there. A last file that is small is gone on with, from where it is whole. */
  #open(): Segment[] {
    if (this.#segments !== undefined) return this.#segments;
    const { directory } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = readdirSync(directory).flatMap((name): Segment[] => {
      const [, number, begin] = /^(\d{8,})-(\d+)\.history$/.exec(name) ?? [];
      if (number === undefined) return [];
      const path = join(directory, name);
      return [{ path, number: Number(number), begin: Number(begin), sizeBytes: statSync(path).size }];
    });
    found.sort((a, b) => a.number - b.number);
    if (this.#isCut) for (const { path } of found.splice(0)) rmSync(path, { force: true });
    this.#isCut = false;
    const last = found.at(-1);
    if (last !== undefined && last.sizeBytes < Math.min(this.#segmentBytes, goOnBytesMax)) this.#goOn(last);
    this.#segments = found;
    return found;
  }

  #goOn(segment: Segment): void {
    let whole = 0;
    for (const { end } of blocksIn(readFileSync(segment.path))) whole = end;
    this.#file = openSync(segment.path, "r+");
    if (whole < segment.sizeBytes) ftruncateSync(this.#file, whole);
    segment.sizeBytes = whole;
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** What a block holds before it is compressed. */
const blockBytes = 256 * 1024;
/** How many files share the size: what goes at once is one of them. */
const segmentsMin = 8;
/** A file that is larger is left as it is by a new start, which would have to read it. */
const goOnBytesMax = 1024 * 1024;
