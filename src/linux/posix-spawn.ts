/**
 * posix_spawn: a program is started without a copy of this process. Node forks, which copies the page tables of the
 * whole heap on the calling thread: 0.1 to 0.25 ms per MB on a virtual machine, so 15 ms per program for a server at
 * rest and more under load, against 1 ms of this whatever the size. Sizes and numbers are those of Linux, for glibc and
 * musl alike; structures are given more room than either needs.
 */

/** How a descriptor of the program comes about: one of ours, or a file that is opened for it. */
export type ProgramDescriptor =
  | number
  | { readonly path: string; readonly flags: number; readonly mode?: number };

export interface SpawnRequest {
  /** An absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Descriptors 0, 1, 2 and so on of the program; it has no others. */
  readonly descriptors: readonly ProgramDescriptor[];
  /** In a session of its own, so that no signal to this one's terminal reaches it. */
  readonly session: boolean;
}

export interface ProgramEnd {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: number | undefined;
}

export interface Spawner {
  /** The process number, or the error's number. The caller waits for the process's end, or leaves a zombie. */
  spawn(request: SpawnRequest): { readonly pid: number } | { readonly errno: number };
  waitFor(pid: number): Promise<ProgramEnd>;
}

type Value = number | string | Uint8Array | null;
type Call = (...values: readonly Value[]) => number;
type LaterCall = (...values: readonly unknown[]) => void;

export interface SpawnLibrary {
  func(name: string, result: string, parameters: string[]): unknown;
}

const actionsBytes = 256;
const attributesBytes = 512;
const signalSetBytes = 128;

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const WNOHANG = 1;
/** A program whose outputs have ended is about to end: so often it is asked for without waiting. */
const looksMax = 50;

export function bindSpawner(library: SpawnLibrary, addressOf: (value: Uint8Array) => bigint): Spawner {
  const declared = new Map<string, Call>();
  /** Declares a function when it is first called. */
  const call = (name: string, parameters: string[], values: readonly Value[]): number => {
    const known = declared.get(name) ?? (library.func(name, "int", parameters) as Call);
    declared.set(name, known);
    return known(...values);
  };
  const bytes = "uint8_t *";
  const actionsCall = (name: string, parameters: string[], ...values: readonly Value[]): void => {
    const errno = call(`posix_spawn_file_actions_${name}`, [bytes, ...parameters], values);
    if (errno !== 0) throw new Error(`posix_spawn_file_actions_${name}: error ${errno}`);
  };
  const attributesCall = (name: string, parameters: string[], ...values: readonly Value[]): void => {
    const errno = call(`posix_spawnattr_${name}`, [bytes, ...parameters], values);
    if (errno !== 0) throw new Error(`posix_spawnattr_${name}: error ${errno}`);
  };

  /** char *const[]: keep what it points to until the call is over. */
  const pointers = (
    texts: readonly string[],
  ): { readonly array: Buffer; readonly held: readonly Buffer[] } => {
    const held = texts.map((text) => Buffer.from(`${text}\0`));
    const array = Buffer.alloc(8 * (held.length + 1));
    for (const [index, text] of held.entries()) array.writeBigUInt64LE(addressOf(text), 8 * index);
    return { array, held };
  };

  const waitLater = (): { async: LaterCall } =>
    library.func("waitpid", "int", ["int", bytes, "int"]) as { async: LaterCall };

  return {
    spawn({ program, args, environment, directory, descriptors, session }) {
      const actions = Buffer.alloc(actionsBytes);
      const attributes = Buffer.alloc(attributesBytes);
      actionsCall("init", [], actions);
      attributesCall("init", [], attributes);
      try {
        actionsCall("addchdir_np", ["str"], actions, directory);
        for (const [number, descriptor] of descriptors.entries()) {
          if (typeof descriptor === "number")
            actionsCall("adddup2", ["int", "int"], actions, descriptor, number);
          else {
            const { path, flags, mode = 0 } = descriptor;
            actionsCall("addopen", ["int", "str", "int", "uint"], actions, number, path, flags, mode);
          }
        }
        // Node ignores SIGPIPE, and what is ignored stays so in a new program.
        attributesCall("setsigdefault", [bytes], attributes, Buffer.alloc(signalSetBytes, 0xff));
        attributesCall("setsigmask", [bytes], attributes, Buffer.alloc(signalSetBytes));
        const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (session ? POSIX_SPAWN_SETSID : 0);
        attributesCall("setflags", ["short"], attributes, flags);
        const argv = pointers([program, ...args]);
        const environ = pointers(Object.entries(environment).map(([name, value]) => `${name}=${value}`));
        const pid = Buffer.alloc(4);
        const errno = call(
          "posix_spawn",
          [bytes, "str", bytes, bytes, bytes, bytes],
          [pid, program, actions, attributes, argv.array, environ.array],
        );
        // What the arrays point to must not be collected before the call.
        if (argv.held.length + environ.held.length === 0)
          throw new TypeError("a program has at least its name");
        return errno === 0 ? { pid: pid.readInt32LE(0) } : { errno };
      } finally {
        actionsCall("destroy", [], actions);
        attributesCall("destroy", [], attributes);
      }
    },

    async waitFor(pid) {
      const status = Buffer.alloc(4);
      for (let look = 0; look < looksMax; look++) {
        if (call("waitpid", ["int", bytes, "int"], [pid, status, WNOHANG]) !== 0)
          return endOf(status.readInt32LE(0));
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      return new Promise((resolve, reject) => {
        waitLater().async(pid, status, 0, (error: Error | null) => {
          if (error === null) resolve(endOf(status.readInt32LE(0)));
          else reject(error);
        });
      });
    },
  };
}

/** The status word of waitpid. */
function endOf(status: number): ProgramEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: undefined } : { code: undefined, signal };
}
