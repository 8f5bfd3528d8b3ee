/**
 * What the system thread does for the rest of the program. Every operation is one message to it and one answer, so the
 * caller's thread never enters a namespace. Plain data only: it crosses threads.
 */
export interface Operations {
  /** Makes the pod's namespaces, held by files in `directory`, and its network. Undoes all when a step fails. */
  createSandbox(request: SandboxRequest): void;
  /** Removes what createSandbox made. Succeeds when it is gone already. */
  deleteSandbox(request: SandboxRelease): void | Promise<void>;
  mount(request: MountRequest): void;
  /** Detaches every mount on the target. Succeeds when there is none. */
  unmount(target: string): void;
  /** A TCP socket that lives in the network namespace of the file; the caller owns the descriptor. */
  socketIn(request: { readonly namespaceFile: string; readonly family: 4 | 6 }): number;
  /**
   * A copy of the host's mount namespace in which the paths are not mounted; the caller owns the descriptor, and the
   * namespace lives as long as it is open or in use.
   */
  mountViewWithout(paths: readonly string[]): number;
  /** Makes a character or block device, named pipe or whiteout. */
  mknod(request: { readonly path: string; readonly mode: number; readonly device: bigint }): void;
  /** A listening unix socket, ready to accept; the caller owns the descriptor and removes the file. */
  listenUnix(path: string): number;
  /**
   * The terminal that a runtime sends through a connection to the socket, set to make nobody wait; undefined while none
   * has come.
   */
  acceptTerminal(listener: number): number | undefined;
  /** Closes a descriptor that one of these operations handed out. */
  closeDescriptor(fd: number): void;
  resizeTerminal(request: { readonly fd: number; readonly width: number; readonly height: number }): void;
  /** Runs a program to its end; what it wrote on standard error is the message when it fails. */
  runProgram(request: ProgramRequest): string | Promise<string>;
  /**
   * Starts a program in a session of its own, which outlives this process; resolves with the line that it writes to
   * descriptor 3, or with nothing when it ends without one.
   */
  startReporting(request: ReportingRequest): string | Promise<string>;
}

export interface ProgramRequest {
  /** An absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** For standard input, which is empty when absent. */
  readonly input?: string;
  /** `/` when absent. */
  readonly directory?: string;
}

export interface ReportingRequest {
  /** An absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Where its standard error is appended. */
  readonly errorFile: string;
}

export interface SandboxRequest {
  readonly directory: string;
  /** Namespaces to make; those left out are the host's. */
  readonly namespaces: readonly SandboxNamespace[];
  readonly hostname: string;
  /** Set inside the new namespaces: `net.ipv4.ip_unprivileged_port_start`. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Absent for pods on the host's network. */
  readonly network?: PodNetwork;
}

export type SandboxNamespace = "net" | "ipc" | "uts";

/**
 * A routed point-to-point link: the pod has one address of its own, its gateway is an address on the host's end, and the
 * host has one route to it. No bridge: every packet crosses the host's forward hook, where policy lives.
 */
export interface PodNetwork {
  readonly hostInterface: string;
  readonly podInterface: string;
  readonly address: string;
  readonly gateway: string;
  readonly mtu: number;
}

export interface SandboxRelease {
  readonly directory: string;
  readonly namespaces: readonly SandboxNamespace[];
  readonly hostInterface?: string;
}

export type MountFlag =
  | "ro"
  | "nosuid"
  | "nodev"
  | "noexec"
  | "remount"
  | "bind"
  | "rec"
  | "private"
  | "slave"
  | "shared";

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  /** `overlay`, `tmpfs`, `proc`; empty for binds and changes of propagation. */
  readonly type: string;
  readonly flags: readonly MountFlag[];
  readonly data: string;
  /** Paths in `data` may be relative to it: the kernel takes one page of option text, so short names matter. */
  readonly workingDirectory?: string;
}

export const namespaceKinds: readonly SandboxNamespace[] = ["net", "ipc", "uts"];
