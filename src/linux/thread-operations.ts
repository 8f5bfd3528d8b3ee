/**
 * The operations by system calls, run on a thread of their own: setns and unshare change the calling thread only, and no
 * other thread of the process may ever be in a pod's namespace. Files are touched with synchronous calls for the same
 * reason: asynchronous ones run on the thread pool, in the host's namespaces.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  CLONE_FS,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWUTS,
  type Libc,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_STREAM,
  SystemCallError,
  unixAddress,
} from "./libc.ts";
import {
  acknowledgedErrno,
  deleteLink,
  getLink,
  linkIndex,
  NetlinkError,
  type NetlinkSocket,
  newAddress,
  newRoute,
  newVeth,
  setLinkUp,
  splitMessages,
} from "./netlink.ts";
import type {
  MountFlag,
  MountRequest,
  Operations,
  PodNetwork,
  SandboxNamespace,
  SandboxRequest,
} from "./operations.ts";

const cloneFlags: Readonly<Record<SandboxNamespace, number>> = {
  net: CLONE_NEWNET,
  ipc: CLONE_NEWIPC,
  uts: CLONE_NEWUTS,
};

const mountFlags: Readonly<Record<MountFlag, bigint>> = {
  ro: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
  remount: 0x20n,
  bind: 0x1000n,
  rec: 0x4000n,
  private: 0x40000n,
  slave: 0x80000n,
  shared: 0x100000n,
};

const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const TIOCSWINSZ = 0x5414;
const FIONBIO = 0x5421;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const ENODEV = 19;

/**
 * Must be called on the thread that is to run them; that thread then has a working directory of its own. `release` is
 * the last call: it closes what the thread itself holds.
 */
export function threadOperations(libc: Libc): Operations & { release(): void } {
  libc.unshare(CLONE_FS);
  // Held for the life of the thread: the way home from every other namespace.
  const home = {
    net: libc.open("/proc/thread-self/ns/net"),
    ipc: libc.open("/proc/thread-self/ns/ipc"),
    uts: libc.open("/proc/thread-self/ns/uts"),
    mnt: libc.open("/proc/thread-self/ns/mnt"),
  };
  const hostNetlink = openNetlink(libc);

  const unmount = (target: string): void => {
    for (;;) {
      try {
        libc.umount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
      } catch (error) {
        if (error instanceof SystemCallError && (error.code === "EINVAL" || error.code === "ENOENT")) return;
        throw error;
      }
    }
  };

  /** The kernel waits 15 to 40 ms for all readers of the interface: this thread makes other pods meanwhile. */
  const deleteInterface = async (name: string): Promise<void> => {
    const netlink = openNetlink(libc);
    try {
      await netlink.requestLater(deleteLink(name));
    } catch (error) {
      if (!(error instanceof NetlinkError && error.errno === ENODEV)) throw error;
    } finally {
      netlink.close();
    }
  };

  return {
    createSandbox(request) {
      for (const kind of request.namespaces) writeFileSync(join(request.directory, kind), "");
      libc.unshare(request.namespaces.reduce((flags, kind) => flags | cloneFlags[kind], 0));
      let podNetlink: NetlinkSocket | undefined;
      try {
        for (const kind of request.namespaces) {
          libc.mount(`/proc/thread-self/ns/${kind}`, join(request.directory, kind), "", mountFlags.bind, "");
        }
        if (request.namespaces.includes("uts")) libc.sethostname(request.hostname);
        if (request.namespaces.includes("net")) {
          podNetlink = openNetlink(libc);
          if (request.network !== undefined) connectPod(request, request.network, podNetlink);
          else podNetlink.request(setLinkUp(1));
        }
        for (const [name, value] of Object.entries(request.sysctls)) writeSysctl(name, value);
      } catch (error) {
        // The link goes with its namespace.
        for (const kind of request.namespaces) unmount(join(request.directory, kind));
        throw error;
      } finally {
        podNetlink?.close();
        goHome(request.namespaces);
      }
    },

    async deleteSandbox(request) {
      for (const kind of request.namespaces) unmount(join(request.directory, kind));
      if (request.hostInterface !== undefined) await deleteInterface(request.hostInterface);
    },

    mount(request: MountRequest) {
      if (request.workingDirectory !== undefined) libc.chdir(request.workingDirectory);
      try {
        const flags = request.flags.reduce((sum, flag) => sum | mountFlags[flag], 0n);
        libc.mount(request.source, request.target, request.type, flags, request.data);
      } finally {
        if (request.workingDirectory !== undefined) libc.chdir("/");
      }
    },

    unmount,

    socketIn({ namespaceFile, family }) {
      const namespace = libc.open(namespaceFile);
      try {
        libc.setns(namespace, CLONE_NEWNET);
        return libc.socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
      } finally {
        libc.setns(home.net, CLONE_NEWNET);
        libc.close(namespace);
      }
    },

    mountViewWithout(paths) {
      libc.unshare(CLONE_NEWNS);
      try {
        for (const path of paths) {
          if (!existsSync(path)) continue;
          // Where mounts are shared the unmounting would reach the host: cut the parent loose first.
          libc.mount("", join(path, ".."), "", mountFlags.private, "");
          unmount(path);
        }
        return libc.open("/proc/thread-self/ns/mnt");
      } finally {
        libc.setns(home.mnt, CLONE_NEWNS);
      }
    },

    mknod({ path, mode, device }) {
      libc.mknod(path, mode, device);
    },

    listenUnix(path) {
      const fd = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      try {
        libc.bind(fd, unixAddress(path));
        libc.listen(fd, 1);
      } catch (error) {
        libc.close(fd);
        throw error;
      }
      return fd;
    },

    acceptTerminal(listener) {
      const connection = libc.accept(listener);
      if (connection === undefined) return undefined;
      try {
        // The runtime sends at once; should it die in between, this thread must not wait for ever.
        libc.setSocketOption(connection, SOL_SOCKET, SO_RCVTIMEO, seconds(2));
        const terminal = libc.receiveDescriptor(connection);
        if (terminal !== undefined) libc.ioctl(terminal, FIONBIO, Buffer.from([1, 0, 0, 0]));
        return terminal;
      } finally {
        libc.close(connection);
      }
    },

    closeDescriptor: (fd) => libc.close(fd),

    // Loaded with the first program: sockets take 3 ms of a start.
    runProgram: async (request) => (await import("./programs.ts")).runProgram(libc, request),
    startReporting: async (request) => (await import("./programs.ts")).startReporting(libc, request),

    release() {
      for (const fd of Object.values(home)) libc.close(fd);
      hostNetlink.close();
    },

    resizeTerminal({ fd, width, height }) {
      // struct winsize: rows, columns, and two sizes in pixels that nobody uses.
      const size = Buffer.alloc(8);
      size.writeUInt16LE(height & 0xffff, 0);
      size.writeUInt16LE(width & 0xffff, 2);
      libc.ioctl(fd, TIOCSWINSZ, size);
    },
  };

  function goHome(namespaces: readonly SandboxNamespace[]): void {
    for (const kind of namespaces) libc.setns(home[kind], cloneFlags[kind]);
  }

  function connectPod(request: SandboxRequest, network: PodNetwork, pod: NetlinkSocket): void {
    const namespace = libc.open(join(request.directory, "net"));
    try {
      hostNetlink.request(newVeth(network.hostInterface, network.podInterface, namespace, network.mtu));
    } finally {
      libc.close(namespace);
    }
    const host = indexOf(hostNetlink, network.hostInterface);
    const inner = indexOf(pod, network.podInterface);
    hostNetlink.request(newAddress(host, network.gateway, 32));
    hostNetlink.request(setLinkUp(host));
    pod.request(setLinkUp(1));
    pod.request(newAddress(inner, network.address, 32));
    pod.request(setLinkUp(inner));
    pod.request(newRoute({ destination: `${network.gateway}/32`, interfaceIndex: inner }));
    pod.request(newRoute({ destination: "default", gateway: network.gateway, interfaceIndex: inner }));
    hostNetlink.request(newRoute({ destination: `${network.address}/32`, interfaceIndex: host }));
  }
}

/** struct timeval. */
function seconds(count: number): Buffer {
  const value = Buffer.alloc(16);
  value.writeBigInt64LE(BigInt(count), 0);
  return value;
}

/** /proc/sys shows the namespaces of the thread that opens it. */
function writeSysctl(name: string, value: string): void {
  writeFileSync(sysctlPath(name), value);
}

/** `net.ipv4.conf.eth0/1.forwarding`: dots separate, a slash stands for a dot in a name. */
export function sysctlPath(name: string): string {
  const swapped = name.replaceAll(/[./]/g, (separator) => (separator === "." ? "/" : "."));
  if (swapped.split("/").includes("..")) throw new Error(`"${name}" is not a sysctl`);
  return `/proc/sys/${swapped}`;
}

function indexOf(netlink: NetlinkSocket, name: string): number {
  const reply = netlink.request(getLink(name))[0];
  if (reply === undefined) throw new NetlinkError(ENODEV, name);
  return linkIndex(reply);
}

/** A netlink socket belongs to the namespace in which it was opened, wherever its thread goes later. */
function openNetlink(libc: Libc): NetlinkSocket {
  const NETLINK_ROUTE = 0;
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  libc.bind(fd, address);
  const buffer = Buffer.alloc(32_768);
  const replies = (type: number): Buffer[] => {
    const found: Buffer[] = [];
    for (;;) {
      const received = Buffer.from(buffer.subarray(0, libc.receive(fd, buffer, 0)));
      for (const reply of splitMessages(received)) {
        const errno = acknowledgedErrno(reply);
        if (errno === undefined) found.push(reply);
        else if (errno === 0) return found;
        else throw new NetlinkError(errno, `request ${type}`);
      }
    }
  };
  return {
    request(message) {
      libc.send(fd, message, 0);
      return replies(message.readUInt16LE(4));
    },
    async requestLater(message) {
      await libc.sendLater(fd, message);
      return replies(message.readUInt16LE(4));
    },
    close: () => libc.close(fd),
  };
}
