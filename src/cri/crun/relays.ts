/**
 * Between a command's pipes and this process stand relays: programs that copy from a pipe to a socket, or back. A pipe is
 * shared with the container, and whoever splices between it and a socket of his holds the pipe's lock for as long as that
 * socket makes him wait. All who read or write the pipe wait for the lock meanwhile, whether they block or not, and not
 * even SIGKILL ends the wait. That may befall a relay, which serves this one command; it must not befall the server.
 * Sockets have no such lock, but a program cannot open one by the name /dev/stdout, so it gets pipes.
 *
 * A shell makes all of it, so that this process starts one program and not four.
 */

/** Of the shell: 0, 1 and 2 are the client's streams, 3 takes the exit code. 4 and 5 are 1 and 2 under other numbers. */
const command = `{ "$@" 3>&- 4>&- 5>&-; echo $? >&3; }`;
const output = "cat >&4 2>/dev/null 3>&- 4>&- 5>&-";
const errors = "cat >&5 2>/dev/null 3>&- 4>&- 5>&-";
const input = "cat 2>/dev/null 3>&- 4>&- 5>&-";

/** The arguments for `sh`: it runs the line with pipes as streams, and writes its exit code to descriptor 3. */
export function throughRelays(line: readonly string[], stdin: boolean): string[] {
  const fed = stdin ? `${input} | ${command}` : command;
  const script = `exec 4>&1 5>&2; { ${fed} | ${output}; } 2>&1 >/dev/null | ${errors}`;
  return ["-c", script, "sh", ...line];
}
