import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { withLock } from "./lock.ts";

/**
 * What the clusters of one machine keep apart from each other, whatever home they live in: a folder with a file for each
 * number that is given away (and `ports/`, see host-ports.ts). It is no second truth: an entry whose cluster is gone counts
 * for nothing, and a cluster without an entry gets one when it starts.
 */
export interface Reservation {
  readonly index: number;
  readonly name: string;
  /** The cluster's folder, with links resolved. */
  readonly directory: string;
  /** A copy of the cluster's settings: with it a cluster whose own file is damaged can still be removed. */
  readonly settings: unknown;
}

/** The register belongs to the folder in which clusters live unless told otherwise: one for root, one for each user. */
export const registerIn = (usualHome: string): string => join(usualHome, ".machine");

/** Everything that is given away now. Entries of clusters that are gone are left out. */
export function reservations(register: string): Reservation[] {
  return names(register)
    .filter((name) => /^\d+\.json$/.test(name))
    .flatMap((name) => {
      const found = readReservation(join(register, name));
      return found === undefined || !isAlive(found) ? [] : [found];
    });
}

/** Who has the number, or undefined. */
export function reservationOf(register: string, index: number): Reservation | undefined {
  const found = readReservation(fileOf(register, index));
  return found !== undefined && isAlive(found) ? found : undefined;
}

/** What the cluster in that folder has, or undefined. */
export const reservationIn = (register: string, directory: string): Reservation | undefined =>
  reservations(register).find((found) => found.directory === real(directory));

/** Writes an entry down; the caller holds the lock and has looked that nobody has the number. */
export function reserve(register: string, reservation: Reservation): void {
  writeDurably(fileOf(register, reservation.index), `${JSON.stringify(reservation)}\n`);
}

/** Gives back what the cluster in that folder has, and what those that are gone had; the register goes with its last entry. */
export function release(register: string, directory: string): void {
  const own = real(directory);
  for (const { index } of names(register)
    .filter((name) => /^\d+\.json$/.test(name))
    .flatMap((name) => readReservation(join(register, name)) ?? [])
    .filter((found) => found.directory === own || !isAlive(found))) {
    rmSync(fileOf(register, index), { force: true });
  }
  removeEmpty(join(register, "ports"));
  removeEmpty(register);
  removeEmpty(dirname(register));
}

/** The path without links, also of what is not there yet: one folder has one name, whichever way led to it. */
export function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(real(parent), basename(path));
  }
}

/** Writes a file that only its owner may read, whole or not at all, and on disk when it returns. */
export function writeDurably(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content, { mode: 0o600 });
    const handle = openSync(temporary, "r");
    fsyncSync(handle);
    closeSync(handle);
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}

const fileOf = (register: string, index: number): string => join(register, `${index}.json`);

function names(register: string): string[] {
  try {
    return readdirSync(register);
  } catch {
    return [];
  }
}

function readReservation(file: string): Reservation | undefined {
  try {
    const { index, name, directory, settings } = JSON.parse(
      readFileSync(file, "utf8"),
    ) as Partial<Reservation>;
    if (index === undefined || name === undefined || directory === undefined) return undefined;
    return { index, name, directory, settings };
  } catch {
    // There is none, or a crash tore it: its cluster writes it again when it starts.
    return undefined;
  }
}

/** A damaged cluster keeps its number: its interfaces and tables may still be there. */
const isAlive = ({ directory }: Reservation): boolean => existsSync(join(directory, "instance.json"));

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // It is in use, or was never made.
  }
}

/** One process chooses at a time: two that start at once must not take the same addresses. */
export const withRegisterLock = <T>(register: string, work: () => Promise<T>): Promise<T> =>
  withLock(join(register, ".lock"), work);
