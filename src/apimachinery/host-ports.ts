/** A port of the machine's own addresses. */
export interface HostPort {
  readonly protocol: string;
  readonly port: number;
}

/** Who has a port that somebody else wants. */
export interface HostPortHolder extends HostPort {
  /** `Service default/web`, or `the program sshd (process 812)` */
  readonly object: string;
  /** Absent when a program of the host has the port. */
  readonly cluster?: string;
  /** The cluster's folder: names may repeat from home to home. */
  readonly directory?: string;
}

/**
 * The ports of the machine, which all its clusters share: a port goes to one cluster at a time, and none that a program
 * of the host listens on already. Within a cluster it is not
 * this which decides who has it.
 */
export interface HostPorts {
  /**
   * States all ports that the object wants from now on; none gives up what it has. Undefined when it has them; else who has
   * one of them, and the object has none. Whoever is refused asks again: nobody tells when a port is given up.
   */
  hold(object: string, ports: readonly HostPort[]): HostPortHolder | undefined;
}

/** What a person is told who asked for a port that another cluster, or another program, has. */
export function hostPortRefusal({ port, cluster, directory, object }: HostPortHolder): string {
  if (cluster === undefined) {
    return `Port ${port} of the host is taken by ${object}; choose another port or stop that program`;
  }
  return `Port ${port} of the host is taken by ${object} of cluster "${cluster}" (in ${directory}); choose another port, or delete that one or stop that cluster`;
}
