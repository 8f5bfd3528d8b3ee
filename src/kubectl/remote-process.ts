import { StatusError } from "../apimachinery/status.ts";
import {
  remoteCommandClientProtocols,
  runRemoteCommand,
  type TakeOutput,
} from "../streaming/client-remote-command.ts";
import { pathOf } from "./api.ts";
import { KubectlError, PlainError } from "./errors.ts";
import { podResource } from "./pod-selection.ts";
import type { Session } from "./session.ts";

export interface RemoteProcess {
  readonly pod: string;
  readonly namespace: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly stdout?: TakeOutput;
  readonly stderr?: TakeOutput;
}

/** Runs a program in a container for a command's own use, without a terminal. Throws when it ends with another code than 0. */
export async function runInContainer(session: Session, process: RemoteProcess): Promise<void> {
  const { pod, namespace, container, command, stdin, stdout, stderr } = process;
  const resource = await podResource(session);
  const connection = await session.transport.connect({
    path: pathOf({ resource, namespace, name: pod, subresource: "exec" }),
    query: {
      command,
      container,
      stdin: stdin === undefined ? undefined : "true",
      stdout: "true",
      stderr: "true",
    },
    protocols: remoteCommandClientProtocols,
  });
  try {
    const { exitCode } = await runRemoteCommand(connection, {
      ...(stdin === undefined ? {} : { stdin }),
      ...(stdout === undefined ? {} : { stdout }),
      ...(stderr === undefined ? {} : { stderr }),
    });
    if (exitCode !== 0) throw new PlainError(`command terminated with exit code ${exitCode}`, { exitCode });
  } catch (error) {
    // What the runtime could not do comes as the outcome, not as the answer to a request.
    if (error instanceof StatusError) throw new KubectlError(error.message, { cause: error });
    throw error;
  }
}
