import type { Pod } from "../../api/types/core-v1.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { linesOf } from "../../client/server-answer.ts";
import { pathOf } from "../api.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError, plainText } from "../errors.ts";
import {
  chooseContainer,
  containersOf,
  podOrOwner,
  podResource,
  podSelectorOf,
  podsOf,
} from "../pod-selection.ts";
import type { MappedResource } from "../rest-mapper.ts";

const usage = "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]";

export const logsCommand: KubectlCommand = {
  usage: `${usage} [flags]`,
  summary: "Print the logs for a container in a pod or specified resource",
  flags: {
    follow: { type: "bool", short: "f", help: "go on as the log grows" },
    previous: { type: "bool", short: "p", help: "of the container's previous instance" },
    container: { type: "string", short: "c", help: "of this container" },
    "all-containers": { type: "bool", help: "of all containers of the pod" },
    "all-pods": { type: "bool", help: "of all pods of the object" },
    since: { type: "duration", default: 0, help: "only what is newer than this" },
    "since-time": { type: "string", help: "only what is newer than this time" },
    tail: { type: "int", default: -1, help: "only so many last lines" },
    timestamps: { type: "bool", help: "with the time of each line" },
    "limit-bytes": { type: "int", default: 0, help: "only so many bytes" },
    selector: { type: "string", short: "l", help: "of all pods with these labels" },
    prefix: { type: "bool", help: "with the pod and container before each line" },
    "max-log-requests": { type: "int", default: 5, help: "how many logs may be followed at a time" },
    "ignore-errors": { type: "bool", help: "go on with the next log after an error" },
    "pod-running-timeout": { type: "duration", default: 20_000, help: "how long to wait for a pod to run" },
    "insecure-skip-tls-verify-backend": { type: "bool", help: "do not check the node's certificate" },
  },
  failsOnInterrupt: (flags) => flags.bool("follow"),
  run: (context) => new Logs(context).run(),
};

/** One log to print. */
interface LogSource {
  readonly pod: Pod;
  readonly container: string;
}

/** Why a log with such a query is read: kubectl prints the last ten lines of each pod of a selector. */
const selectedTail = 10;

class Logs {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async run(): Promise<void> {
    const { flags, session, io } = this.#context;
    this.#check();
    const sources = await this.#sources();
    const pods = await podResource(session);
    if (flags.bool("follow") && sources.length > 1) {
      const limit = flags.int("max-log-requests");
      if (sources.length > limit) {
        throw new KubectlError(
          `you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${limit}, use --max-log-requests to increase the limit`,
        );
      }
      await Promise.all(sources.map((source) => this.#print(pods, source)));
      return;
    }
    for (const source of sources) {
      try {
        await this.#print(pods, source);
      } catch (error) {
        if (!flags.bool("ignore-errors")) throw error;
        io.err(`${plainText(error)}\n`);
      }
    }
  }

  #check(): void {
    const { flags, args, path } = this.#context;
    const wrong = (text: string): never => {
      throw new KubectlError(`${text}\n${usageHint(path)}`);
    };
    const selector = flags.string("selector");
    if (args.length === 0 && selector === "") {
      wrong(`expected 'logs ${usage}'.\nPOD or TYPE/NAME is a required argument for the logs command`);
    }
    if (args.length > 0 && selector !== "") wrong("only a selector (-l) or a POD name is allowed");
    if (args.length > 2)
      wrong(`expected 'logs ${usage}'.\nPOD or TYPE/NAME is a required argument for the logs command`);
    if (flags.string("container") !== "" && args.length === 2) {
      throw new KubectlError("only one of -c or an inline [CONTAINER] arg is allowed");
    }
    if (flags.changed("since") && flags.changed("since-time")) {
      const time = flags.string("since-time");
      if (Number.isNaN(Date.parse(time))) throw new KubectlError(wrongTime(time));
      throw new KubectlError("at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    if (flags.bool("all-containers") && this.#containerAsked !== "") {
      throw new KubectlError(
        "--all-containers=true should not be specified with container name " + this.#containerAsked,
      );
    }
    if (flags.int("tail") < -1) throw new KubectlError("--tail must be greater than or equal to -1");
    if (flags.changed("limit-bytes") && flags.int("limit-bytes") <= 0) {
      throw new KubectlError("--limit-bytes must be greater than 0");
    }
    const time = flags.string("since-time");
    if (time !== "" && Number.isNaN(Date.parse(time))) throw new KubectlError(wrongTime(time));
  }

  /** `-c NAME`, or the second argument. */
  get #containerAsked(): string {
    const { flags, args } = this.#context;
    return flags.string("container") === "" ? (args[1] ?? "") : flags.string("container");
  }

  async #sources(): Promise<LogSource[]> {
    const { flags, args, session, io } = this.#context;
    const labelSelector = flags.string("selector");
    if (labelSelector !== "") {
      const resource = await podResource(session);
      const list = await session.api.list(
        { resource, namespace: session.namespace },
        { query: { labelSelector } },
      );
      const pods = list["items"] as unknown[] as Pod[];
      if (pods.length === 0) io.err(`No resources found in ${session.namespace} namespace.\n`);
      return pods.flatMap((pod) => this.#sourcesOf(pod));
    }
    const target = await podOrOwner(session, args[0] ?? "");
    const object = await session.api.get(target).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      throw new KubectlError(
        `error from server (NotFound): ${plainText(error)} in namespace ${JSON.stringify(target.namespace ?? "")}`,
      );
    });
    if (object.kind === "Pod") return this.#sourcesOf(object as unknown as Pod);
    if (podSelectorOf(object) === undefined) {
      throw new KubectlError(
        `cannot get the logs from *v1.${object.kind}: selector for *v1.${object.kind} not implemented`,
      );
    }
    const pods = await podsOf(session, target, object);
    if (flags.bool("all-pods")) return pods.flatMap((pod) => this.#sourcesOf(pod));
    const [pod] = pods;
    if (pod === undefined) throw new KubectlError("timed out waiting for the condition");
    if (pods.length > 1) io.err(`Found ${pods.length} pods, using pod/${pod.metadata.name}\n`);
    return this.#sourcesOf(pod);
  }

  #sourcesOf(pod: Pod): LogSource[] {
    const { flags } = this.#context;
    const containers = containersOf(pod);
    if (flags.bool("all-containers")) {
      const order = { init: 0, regular: 1, ephemeral: 2 };
      return containers
        .toSorted((a, b) => order[a.kind] - order[b.kind])
        .map(({ name }) => ({ pod, container: name }));
    }
    const asked = this.#containerAsked;
    if (asked !== "") {
      if (!containers.some(({ name }) => name === asked)) {
        throw new KubectlError(`container ${asked} is not valid for pod ${pod.metadata.name}`);
      }
      return [{ pod, container: asked }];
    }
    return [{ pod, container: chooseContainer(this.#context, pod, "").name }];
  }

  async #print(resource: MappedResource, { pod, container }: LogSource): Promise<void> {
    const { session, io, flags } = this.#context;
    const { name, namespace } = pod.metadata;
    const path = pathOf({ resource, namespace, name, subresource: "log" });
    const chunks = await session.transport.stream({
      method: "GET",
      path,
      query: this.#query(container),
      accept: "*/*",
    });
    if (!flags.bool("prefix")) {
      for await (const chunk of chunks) io.out(chunk);
      return;
    }
    for await (const line of linesOf(chunks)) io.out(`[pod/${name}/${container}] ${line}\n`);
  }

  #query(container: string): Record<string, string | undefined> {
    const { flags } = this.#context;
    const optional = (condition: boolean, text: string): string | undefined => (condition ? text : undefined);
    const isSelected = flags.string("selector") !== "" && !flags.changed("tail");
    const tail = isSelected ? selectedTail : flags.int("tail");
    return {
      container,
      follow: optional(flags.bool("follow"), "true"),
      previous: optional(flags.bool("previous"), "true"),
      timestamps: optional(flags.bool("timestamps"), "true"),
      sinceSeconds: optional(
        flags.durationMs("since") > 0,
        String(Math.ceil(flags.durationMs("since") / 1000)),
      ),
      sinceTime: optional(flags.string("since-time") !== "", flags.string("since-time")),
      tailLines: optional(tail >= 0, String(tail)),
      limitBytes: optional(flags.int("limit-bytes") > 0, String(flags.int("limit-bytes"))),
    };
  }
}

const wrongTime = (time: string): string =>
  `parsing time ${JSON.stringify(time)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(time)} as "2006"`;
