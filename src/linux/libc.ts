/**
 * The C library through FFI. Node has no mount, setns, netlink or sendmsg; spawning `ip` and `mount` instead costs ten
 * times as much per pod (docs/adr on the node agent). The library is loaded when first asked for and may be absent (an
 * unusual architecture, a package installed without its native part): every caller then has a way by spawned programs.
 *
 * Calls are synchronous and run on the calling thread, which is what makes namespaces work: they belong to threads.
 */
import { createRequire } from "node:module";
import { bindSpawner, type ProgramEnd, type SpawnRequest } from "./posix-spawn.ts";

export interface Libc {
  unshare(flags: number): void;
  /** Moves the calling thread into the namespace that the descriptor names. */
  setns(fd: number, type: number): void;
  mount(source: string, target: string, type: string, flags: bigint, data: string): void;
  umount(target: string, flags: number): void;
  /** The thread's own working directory, once it has unshared CLONE_FS. */
  chdir(path: string): void;
  sethostname(name: string): void;
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): void;
  connect(fd: number, address: Uint8Array): void;
  listen(fd: number, backlog: number): void;
  /** 1 ends sending. */
  shutdown(fd: number, how: number): void;
  /** Undefined when nobody waits and the socket does not block. */
  accept(fd: number): number | undefined;
  setSocketOption(fd: number, level: number, option: number, value: Uint8Array): void;
  send(fd: number, data: Uint8Array, flags: number): number;
  /** send on the thread pool, for a request that the kernel answers slowly. */
  sendLater(fd: number, data: Uint8Array): Promise<void>;
  /** The number of bytes; -1 when nothing is there yet (MSG_DONTWAIT). */
  receive(fd: number, into: Uint8Array, flags: number): number;
  /** One descriptor that came with a message (SCM_RIGHTS), or undefined when the other side closed. */
  receiveDescriptor(fd: number): number | undefined;
  /** ioctl whose argument is a structure. */
  ioctl(fd: number, request: number, argument: Uint8Array): void;
  pipe(flags: number): { readonly read: number; readonly write: number };
  mknod(path: string, mode: number, device: bigint): void;
  /** Sets an extended attribute of the link itself. */
  setAttribute(path: string, name: string, value: Uint8Array): void;
  /** Undefined when there is none. */
  getAttribute(path: string, name: string): Uint8Array | undefined;
  /** Read-only. Node's own calls keep account of descriptors per thread, and would close at its end what was handed on. */
  open(path: string): number;
  close(fd: number): void;
  /** Starts a program without copying this process; who does must wait for its end. */
  spawn(request: SpawnRequest): number;
  waitFor(pid: number): Promise<ProgramEnd>;
}

/** A system call that failed, with the kernel's own name for why. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, code: string, detail: string) {
    super(`${syscall}${detail === "" ? "" : ` ${detail}`}: ${code}`);
    this.name = "SystemCallError";
    this.syscall = syscall;
    this.code = code;
  }
}

export const CLONE_FS = 0x200;
export const CLONE_NEWNS = 0x20000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWIPC = 0x8000000;
export const CLONE_NEWNET = 0x40000000;

export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const O_CLOEXEC = 0o2000000;

let loaded: Libc | null | undefined;

/** The address of a unix socket: struct sockaddr_un. Throws when the path is too long for one. */
export function unixAddress(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > 107) throw new SystemCallError("bind", "ENAMETOOLONG", path);
  const address = Buffer.alloc(2 + bytes.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}

/** The library, or undefined where it cannot be loaded. `SAMPAN_NO_FFI=1` takes the other way, to test it. */
export function loadLibc(): Libc | undefined {
  loaded ??= process.env["SAMPAN_NO_FFI"] === "1" || process.platform !== "linux" ? null : tryLoad();
  return loaded ?? undefined;
}

interface Koffi {
  load(path: string | null): { func(name: string, result: string, parameters: string[]): unknown };
  errno(): number;
  address(value: Uint8Array): bigint;
  readonly os: { readonly errno: Readonly<Record<string, number>> };
}

/** koffi's form of an asynchronous call: the callback comes last. */
type LaterCall = (...values: readonly unknown[]) => void;

type Call = (...values: readonly (number | bigint | string | Uint8Array | null)[]) => number | bigint;

function tryLoad(): Libc | null {
  try {
    return bindLibc(createRequire(import.meta.url)("koffi") as Koffi);
  } catch {
    return null;
  }
}

function bindLibc(koffi: Koffi): Libc {
  const library = koffi.load(null);
  const errorNames = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));

  /** Declares a function when it is first called: a start-up uses few of them. */
  const declare = (name: string, parameters: string[], result = "int"): Call => {
    let call: Call | undefined;
    return (...values) => {
      call ??= library.func(name, result, parameters) as Call;
      return call(...values);
    };
  };
  const failure = (syscall: string, detail = ""): SystemCallError => {
    const number = koffi.errno();
    return new SystemCallError(syscall, errorNames.get(number) ?? `errno ${number}`, detail);
  };
  const check = (result: number | bigint, syscall: string, detail = ""): number => {
    if (Number(result) < 0) throw failure(syscall, detail);
    return Number(result);
  };

  const unshare = declare("unshare", ["int"]);
  const setns = declare("setns", ["int", "int"]);
  const mount = declare("mount", ["str", "str", "str", "ulong", "str"]);
  const umount2 = declare("umount2", ["str", "int"]);
  const chdir = declare("chdir", ["str"]);
  const sethostname = declare("sethostname", ["str", "size_t"]);
  const socket = declare("socket", ["int", "int", "int"]);
  const bind = declare("bind", ["int", "uint8_t *", "uint"]);
  const connect = declare("connect", ["int", "uint8_t *", "uint"]);
  const listen = declare("listen", ["int", "int"]);
  const shutdown = declare("shutdown", ["int", "int"]);
  const accept4 = declare("accept4", ["int", "void *", "void *", "int"]);
  const setsockopt = declare("setsockopt", ["int", "int", "int", "uint8_t *", "uint"]);
  const send = declare("send", ["int", "uint8_t *", "size_t", "int"], "intptr_t");
  const recv = declare("recv", ["int", "uint8_t *", "size_t", "int"], "intptr_t");
  const ioctl = declare("ioctl", ["int", "ulong", "uint8_t *"]);
  const pipe2 = declare("pipe2", ["uint8_t *", "int"]);
  const mknod = declare("mknod", ["str", "uint", "ulong"]);
  const lsetxattr = declare("lsetxattr", ["str", "str", "uint8_t *", "size_t", "int"]);
  const lgetxattr = declare("lgetxattr", ["str", "str", "uint8_t *", "size_t"], "intptr_t");
  const open = declare("open", ["str", "int"]);
  const close = declare("close", ["int"]);
  let sendFunction: { async: LaterCall } | undefined;
  const receiveDescriptor = bindReceiveDescriptor(koffi, library);
  const spawner = bindSpawner(library, (value) => koffi.address(value));

  return {
    unshare: (flags) => void check(unshare(flags), "unshare", `0x${flags.toString(16)}`),
    setns: (fd, type) => void check(setns(fd, type), "setns"),
    mount: (source, target, type, flags, data) =>
      void check(mount(source, target, type, flags, data), "mount", `${type || "bind"} on ${target}`),
    umount: (target, flags) => void check(umount2(target, flags), "umount2", target),
    chdir: (path) => void check(chdir(path), "chdir", path),
    sethostname: (name) => void check(sethostname(name, Buffer.byteLength(name)), "sethostname", name),
    socket: (family, type, protocol) => check(socket(family, type, protocol), "socket"),
    bind: (fd, address) => void check(bind(fd, address, address.length), "bind"),
    connect: (fd, address) => void check(connect(fd, address, address.length), "connect"),
    listen: (fd, backlog) => void check(listen(fd, backlog), "listen"),
    shutdown: (fd, how) => void shutdown(fd, how),
    accept: (fd) => {
      const accepted = Number(accept4(fd, null, null, SOCK_CLOEXEC));
      if (accepted >= 0) return accepted;
      const error = failure("accept");
      if (error.code === "EAGAIN" || error.code === "EWOULDBLOCK") return undefined;
      throw error;
    },
    setSocketOption: (fd, level, option, value) =>
      void check(setsockopt(fd, level, option, value, value.length), "setsockopt"),
    send: (fd, data, flags) => check(send(fd, data, data.length, flags), "send"),
    sendLater: (fd, data) =>
      new Promise((resolve, reject) => {
        sendFunction ??= library.func("send", "intptr_t", ["int", "uint8_t *", "size_t", "int"]) as {
          async: LaterCall;
        };
        sendFunction.async(fd, data, data.length, 0, (error: Error | null, sent: number | bigint) => {
          if (error === null && Number(sent) >= 0) resolve();
          else reject(error ?? new SystemCallError("send", "failed", ""));
        });
      }),
    receive: (fd, into, flags) => {
      const count = Number(recv(fd, into, into.length, flags));
      if (count >= 0) return count;
      const error = failure("recv");
      if (error.code === "EAGAIN" || error.code === "EWOULDBLOCK") return -1;
      throw error;
    },
    receiveDescriptor: (fd) => {
      const result = receiveDescriptor(fd);
      if (result === "error") throw failure("recvmsg");
      return result;
    },
    ioctl: (fd, request, argument) =>
      void check(ioctl(fd, request, argument), "ioctl", `0x${request.toString(16)}`),
    pipe: (flags) => {
      const ends = Buffer.alloc(8);
      check(pipe2(ends, flags), "pipe2");
      return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
    },
    mknod: (path, mode, device) => void check(mknod(path, mode, device), "mknod", path),
    setAttribute: (path, name, value) =>
      void check(lsetxattr(path, name, value, value.length, 0), "lsetxattr", `${name} on ${path}`),
    getAttribute: (path, name) => {
      const value = Buffer.alloc(4096);
      const length = Number(lgetxattr(path, name, value, value.length));
      if (length >= 0) return value.subarray(0, length);
      const error = failure("lgetxattr", path);
      if (error.code === "ENODATA" || error.code === "ENOTSUP" || error.code === "EOPNOTSUPP")
        return undefined;
      throw error;
    },
    open: (path) => check(open(path, O_CLOEXEC), "open", path),
    close: (fd) => void close(fd),
    spawn: (request) => {
      const started = spawner.spawn(request);
      if ("pid" in started) return started.pid;
      throw new SystemCallError(
        "spawn",
        errorNames.get(started.errno) ?? `errno ${started.errno}`,
        request.program,
      );
    },
    waitFor: (pid) => spawner.waitFor(pid),
  };
}

/**
 * recvmsg with its nested structures (struct msghdr, iovec, cmsghdr of a 64-bit Linux). koffi fills in the pointers.
 */
function bindReceiveDescriptor(
  koffi: Koffi,
  library: ReturnType<Koffi["load"]>,
): (fd: number) => number | "error" | undefined {
  const full = koffi as unknown as {
    struct(definition: Record<string, unknown>): object;
    address(value: Uint8Array): bigint;
  };
  let call: ((fd: number, message: Uint8Array, flags: number) => number) | undefined;
  return (fd) => {
    call ??= library.func("recvmsg", "intptr_t", ["int", "uint8_t *", "int"]) as NonNullable<typeof call>;
    const data = Buffer.alloc(4096);
    const control = Buffer.alloc(64);
    const vector = Buffer.alloc(16);
    vector.writeBigUInt64LE(full.address(data), 0);
    vector.writeBigUInt64LE(BigInt(data.length), 8);
    const message = Buffer.alloc(56);
    message.writeBigUInt64LE(full.address(vector), 16);
    message.writeBigUInt64LE(1n, 24);
    message.writeBigUInt64LE(full.address(control), 32);
    message.writeBigUInt64LE(BigInt(control.length), 40);
    const count = call(fd, message, SOCK_CLOEXEC_MSG);
    if (count < 0) return "error";
    const controlLength = Number(message.readBigUInt64LE(40));
    // One cmsghdr: length (8), level SOL_SOCKET = 1 (4), type SCM_RIGHTS = 1 (4), then the descriptor.
    if (controlLength < 20 || control.readInt32LE(8) !== 1 || control.readInt32LE(12) !== 1) return undefined;
    return control.readInt32LE(16);
  };
}

/** MSG_CMSG_CLOEXEC: the received descriptor does not leak into children. */
const SOCK_CLOEXEC_MSG = 0x40000000;
