/** Programs run by the system thread: to their end, or until they have said that they are under way. */
import { Socket } from "node:net";
import { basename } from "node:path";
import { type Libc, O_CLOEXEC } from "./libc.ts";
import type { ProgramRequest, ReportingRequest } from "./operations.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_APPEND = 0o2000;

const nothing = { path: "/dev/null", flags: O_RDONLY };
const nowhere = { path: "/dev/null", flags: O_WRONLY };

/** Runs it to its end; what it wrote on standard error is the error's message when it fails. */
export async function runProgram(libc: Libc, request: ProgramRequest): Promise<string> {
  const { program, args, environment, input = "", directory = "/" } = request;
  const [stdin, stdout, stderr] = [
    input === "" ? undefined : libc.pipe(O_CLOEXEC),
    libc.pipe(O_CLOEXEC),
    libc.pipe(O_CLOEXEC),
  ];
  let pid: number;
  try {
    const descriptors = [stdin?.read ?? nothing, stdout.write, stderr.write];
    pid = libc.spawn({ program, args, environment, directory, descriptors, session: false });
  } catch (error) {
    for (const fd of [stdin?.write, stdout.read, stderr.read]) if (fd !== undefined) libc.close(fd);
    throw error;
  } finally {
    for (const fd of [stdin?.read, stdout.write, stderr.write]) if (fd !== undefined) libc.close(fd);
  }
  if (stdin !== undefined) write(stdin.write, input);
  const [output, errors] = await Promise.all([read(stdout.read), read(stderr.read)]);
  const { code, signal } = await libc.waitFor(pid);
  if (code === 0) return output;
  const reason =
    errors.trim() === "" ? (signal === undefined ? `exit code ${code}` : `signal ${signal}`) : errors.trim();
  throw new Error(`${basename(program)} ${args[0] ?? ""}: ${reason}`);
}

/** Starts it in a session of its own; resolves with the line that it writes to descriptor 3. */
export async function startReporting(libc: Libc, request: ReportingRequest): Promise<string> {
  const { program, args, environment, directory, errorFile } = request;
  const report = libc.pipe(O_CLOEXEC);
  let pid: number;
  try {
    const errors = { path: errorFile, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600 };
    const descriptors = [nothing, nowhere, errors, report.write];
    pid = libc.spawn({ program, args, environment, directory, descriptors, session: true });
  } catch (error) {
    libc.close(report.read);
    throw error;
  } finally {
    libc.close(report.write);
  }
  // It may go on as another process; this one is waited for, so that nothing stays of it.
  libc.waitFor(pid).catch(() => undefined);
  return await read(report.read, "\n");
}

/** All that comes until the other side closes, or until the mark. */
async function read(fd: number, mark?: string): Promise<string> {
  const socket = new Socket({ fd, readable: true, writable: false });
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if (mark !== undefined && chunk.includes(mark)) break;
  }
  return Buffer.concat(chunks).toString();
}

function write(fd: number, text: string): void {
  const socket = new Socket({ fd, readable: false, writable: true });
  // A program that does not read to the end says why on standard error.
  socket.on("error", () => undefined);
  socket.end(text);
}
