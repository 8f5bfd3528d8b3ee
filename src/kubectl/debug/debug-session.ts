import { readFileSync } from "node:fs";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import type { Container, ContainerStatus, EnvVar, EphemeralContainer, Pod } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { applyStrategicMergePatch } from "../../apimachinery/patch/strategic-merge-patch.ts";
import { randomSuffix } from "../../apimachinery/random.ts";
import { isNotFound, StatusError } from "../../apimachinery/status.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import { resources } from "../../client/resources.ts";
import { pathOf } from "../api.ts";
import type { CommandContext } from "../command.ts";
import { KubectlError, plainText } from "../errors.ts";
import { containersOf, podOrOwner } from "../pod-selection.ts";
import { readTargets, type Target } from "../resource-builder.ts";
import { converse } from "../terminal.ts";
import { applyProfile, isProfile, type ProfileName } from "./profiles.ts";

/** `kubectl debug`: a container beside those of a pod, a copy of the pod, or a pod on a node. */
export class DebugSession {
  readonly #context: CommandContext;
  readonly #profile: ProfileName;
  /** What follows `--`. */
  readonly #words: readonly string[];
  readonly #names: readonly string[];
  readonly #attaches: boolean;
  readonly #images: ReadonlyMap<string, string>;
  #custom: Record<string, unknown> | undefined;

  constructor(context: CommandContext) {
    const { flags, args, dashAt } = context;
    this.#context = context;
    this.#names = dashAt === undefined ? args : args.slice(0, dashAt);
    this.#words = dashAt === undefined ? [] : args.slice(dashAt);
    this.#attaches = flags.changed("attach") ? flags.bool("attach") : flags.bool("stdin");
    const profile = flags.string("profile");
    if (!isProfile(profile)) throw new KubectlError(`unknown profile: ${profile}`);
    this.#profile = profile;
    this.#images = new Map(
      flags.list("set-image").map((text) => {
        const equals = text.indexOf("=");
        if (equals < 0) {
          throw new KubectlError(
            `invalid argument ${JSON.stringify(text)} for "--set-image" flag: ${text} must be formatted as key=value`,
          );
        }
        return [text.slice(0, equals), text.slice(equals + 1)];
      }),
    );
  }

  async run(): Promise<number> {
    const { flags, session, io } = this.#context;
    this.#custom = this.#readCustom();
    this.#check();
    if (this.#profile === "legacy") {
      io.err(
        '--profile=legacy is deprecated and will be removed in the future. It is recommended to explicitly specify a profile, for example "--profile=general".\n',
      );
    }
    const targets = [
      ...(flags.list("filename").length > 0 ? await readTargets(session, flags) : []),
      ...(await Promise.all(this.#names.map((name) => podOrOwner(session, name)))),
    ];
    for (const target of targets) {
      const object = await session.api.get(target);
      const made = await this.#debug(target, object);
      if (this.#attaches && made !== undefined) await this.#attach(made.pod, made.container);
    }
    return 0;
  }

  #check(): void {
    const { flags, io } = this.#context;
    const refuse = (why: string): never => {
      throw new KubectlError(why);
    };
    const [image, container] = [flags.string("image"), flags.string("container")];
    if (flags.changed("attach") && this.#attaches && image === "" && container === "") {
      refuse("you must specify --container or create a new container using --image in order to attach.");
    }
    if (flags.string("copy-to") === "") {
      if (flags.bool("replace")) refuse("--replace may only be used with --copy-to.");
      if (flags.bool("same-node")) refuse("--same-node may only be used with --copy-to.");
      if (this.#images.size > 0) refuse("--set-image may only be used with --copy-to.");
      if (image === "") refuse("you must specify --image when not using --copy-to.");
    } else {
      if (image === "" && this.#images.size === 0 && this.#words.length === 0) {
        refuse("you must specify --image, --set-image or command arguments.");
      }
      if (this.#words.length > 0 && container === "" && image === "") {
        refuse("you must specify an existing container or a new image when specifying args.");
      }
    }
    if (image !== "" && !imagePattern.test(image)) {
      refuse(`invalid image name ${JSON.stringify(image)}: invalid reference format`);
    }
    if (this.#names.length === 0 && flags.list("filename").length === 0)
      refuse("NAME or filename is required for debug");
    const policy = flags.string("image-pull-policy");
    if (!["", "Always", "IfNotPresent", "Never"].includes(policy))
      refuse(`invalid image pull policy: ${policy}`);
    for (const [name, wanted] of this.#images) {
      if (!imagePattern.test(wanted)) {
        refuse(
          `invalid image name ${JSON.stringify(wanted)} for container ${JSON.stringify(name)}: invalid reference format`,
        );
      }
    }
    if (flags.string("target") !== "") {
      if (flags.string("copy-to") !== "")
        refuse("--target is incompatible with --copy-to. Use --share-processes instead.");
      if (!flags.bool("quiet")) {
        io.out(
          `Targeting container ${JSON.stringify(flags.string("target"))}. If you don't see processes from this container it may be because the container runtime doesn't support this feature.\n`,
        );
      }
    }
    if (flags.bool("tty") && !flags.bool("stdin"))
      refuse("-i/--stdin is required for containers with -t/--tty=true");
    const fixed = ["name", "command", "image", "lifecycle", "volumeDevices"];
    if (this.#custom !== undefined && fixed.some((field) => this.#custom?.[field] !== undefined)) {
      refuse("name, command, image, lifecycle and volume devices are not modifiable via custom profile");
    }
  }

  #readCustom(): Record<string, unknown> | undefined {
    const file = this.#context.flags.string("custom");
    if (file === "") return undefined;
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      throw new KubectlError(
        `must pass a container spec json file for custom profile: open ${file}: no such file or directory`,
        { cause: error },
      );
    }
    const value = parseYaml(text);
    if (!isObject(value)) throw new KubectlError(`${file} does not contain a valid container spec`);
    return value;
  }

  async #debug(
    target: Target,
    object: UnstructuredObject,
  ): Promise<{ pod: Pod; container: string } | undefined> {
    if (object.kind === "Node") return await this.#onNode(object.metadata.name ?? "");
    if (object.kind === "Pod") {
      const pod = object as unknown as Pod;
      return this.#context.flags.string("copy-to") === ""
        ? await this.#beside(target, pod)
        : await this.#copy(target, pod);
    }
    const { group, version, kind } = target.resource;
    throw new KubectlError(
      `"${group === "" ? "" : `${group}/`}${version}, Kind=${kind}" not supported by debug`,
    );
  }

  async #beside(target: Target, pod: Pod): Promise<{ pod: Pod; container: string }> {
    const { session, flags } = this.#context;
    const name = this.#containerName(pod);
    const asked = flags.string("target");
    const container: EphemeralContainer = {
      ...this.#container(name),
      ...(asked === "" ? {} : { targetContainerName: asked }),
    };
    const copy = structuredClone(pod);
    copy.spec.ephemeralContainers = [...(copy.spec.ephemeralContainers ?? []), container];
    applyProfile(this.#profile, "ephemeral", copy, name, this.#kept);
    copy.spec.ephemeralContainers = copy.spec.ephemeralContainers.map((known) =>
      known.name === name ? this.#customized(known) : known,
    );
    const added = copy.spec.ephemeralContainers.filter((known) => known.name === name);
    const order = copy.spec.ephemeralContainers.map((known) => ({ name: known.name }));
    const patch = {
      spec: { "$setElementOrder/ephemeralContainers": order, ephemeralContainers: added },
    };
    try {
      const result = await session.api.patch(
        { ...target, subresource: "ephemeralcontainers" },
        "strategic",
        patch,
      );
      return { pod: result as unknown as Pod, container: name };
    } catch (error) {
      if (isNotFound(error) && error instanceof StatusError && (error.status.details?.name ?? "") === "") {
        throw new KubectlError(
          `ephemeral containers are disabled for this cluster (error from server: ${JSON.stringify(plainText(error))})`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  async #copy({ resource }: Target, pod: Pod): Promise<{ pod: Pod; container: string } | undefined> {
    const { session, flags } = this.#context;
    const { namespace = session.namespace, labels, annotations } = pod.metadata;
    const spec = structuredClone(pod.spec);
    delete spec.ephemeralContainers;
    if (flags.changed("share-processes")) spec.shareProcessNamespace = flags.bool("share-processes");
    if (!flags.bool("same-node")) delete spec.nodeName;
    for (const container of spec.containers) {
      const image = this.#images.get(container.name) ?? this.#images.get("*");
      if (image !== undefined) container.image = image;
    }
    const copy: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: flags.string("copy-to"),
        namespace,
        ...(labels === undefined ? {} : { labels: { ...labels } }),
        ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      },
      spec,
    };
    const name = this.#debuggedContainer(copy);
    const created = await session.api.create({ resource, namespace }, copy);
    if (flags.bool("replace")) {
      const grace = { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0 };
      await session.api.delete({ resource, namespace, name: pod.metadata.name }, grace);
    }
    return name === undefined ? undefined : { pod: created as unknown as Pod, container: name };
  }

  /** Changes or adds the container of a copy that is looked into; undefined when only images were changed. */
  #debuggedContainer(copy: Pod): string | undefined {
    const { flags } = this.#context;
    const image = flags.string("image");
    let name = flags.string("container");
    let container = copy.spec.containers.find((known) => known.name === name);
    if (container === undefined) {
      if (image === "" && this.#images.size > 0) return undefined;
      if (image === "") throw new KubectlError("you must specify image when creating new container");
      name = this.#containerName(copy);
      container = { name, terminationMessagePolicy: "File" };
      copy.spec.containers.push(container);
    }
    const { words } = this;
    if (this.#words.length > 0) {
      if (flags.bool("arguments-only")) container.args = words;
      else {
        container.command = words;
        delete container.args;
      }
    }
    const policy = flags.string("image-pull-policy");
    if (this.#env.length > 0) container.env = this.#env;
    if (image !== "") container.image = image;
    if (policy !== "") container.imagePullPolicy = policy;
    container.stdin = flags.bool("stdin");
    container.tty = flags.bool("tty");
    applyProfile(this.#profile, "copy", copy, name, this.#kept);
    copy.spec.containers = copy.spec.containers.map((known) =>
      known.name === name ? this.#customized(known) : known,
    );
    return name;
  }

  async #onNode(node: string): Promise<{ pod: Pod; container: string }> {
    const { session, flags, io } = this.#context;
    const container = flags.string("container") === "" ? "debugger" : flags.string("container");
    const name = `node-debugger-${node}-${randomSuffix(session.random)}`;
    if (!flags.bool("quiet")) {
      io.out(`Creating debugging pod ${name} with container ${container} on node ${node}.\n`);
    }
    const pod: Pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: { "app.kubernetes.io/managed-by": "kubectl-debug" } },
      spec: {
        containers: [this.#container(container)],
        nodeName: node,
        restartPolicy: "Never",
        tolerations: [{ operator: "Exists" }],
      },
    };
    applyProfile(this.#profile, "node", pod, container, this.#kept);
    pod.spec.containers = pod.spec.containers.map((known) => this.#customized(known));
    const { namespace } = session;
    const created = await session.api.create({ resource: resources.pods, namespace }, pod);
    return { pod: created as unknown as Pod, container };
  }

  get words(): string[] {
    return [...this.#words];
  }

  get #env(): EnvVar[] {
    return this.#context.flags
      .list("env")
      .flatMap((text) => text.split(","))
      .map((text) => {
        const equals = text.indexOf("=");
        if (equals < 0) {
          throw new KubectlError(
            `invalid argument ${JSON.stringify(text)} for "--env" flag: ${text} must be formatted as key=value`,
          );
        }
        return { name: text.slice(0, equals), value: text.slice(equals + 1) };
      });
  }

  get #kept() {
    const { flags } = this.#context;
    return {
      labels: flags.bool("keep-labels"),
      annotations: flags.bool("keep-annotations"),
      liveness: flags.bool("keep-liveness"),
      readiness: flags.bool("keep-readiness"),
      startup: flags.bool("keep-startup"),
      initContainers: flags.bool("keep-init-containers"),
    };
  }

  #container(name: string): Container {
    const { flags } = this.#context;
    const { words } = this;
    const policy = flags.string("image-pull-policy");
    return {
      name,
      image: flags.string("image"),
      terminationMessagePolicy: "File",
      ...(this.#env.length === 0 ? {} : { env: this.#env }),
      ...(policy === "" ? {} : { imagePullPolicy: policy }),
      ...(flags.bool("stdin") ? { stdin: true } : {}),
      ...(flags.bool("tty") ? { tty: true } : {}),
      ...(words.length === 0 ? {} : flags.bool("arguments-only") ? { args: words } : { command: words }),
    };
  }

  #containerName(pod: Pod): string {
    const { flags, session, io } = this.#context;
    const asked = flags.string("container");
    if (asked !== "") return asked;
    const taken = new Set(containersOf(pod).map(({ name }) => name));
    let name: string;
    do name = `debugger-${randomSuffix(session.random)}`;
    while (taken.has(name));
    if (!flags.bool("quiet")) io.out(`Defaulting debug container name to ${name}.\n`);
    return name;
  }

  #customized<T extends Container | EphemeralContainer>(container: T): T {
    if (this.#custom === undefined) return container;
    const { schemas } = builtinScheme();
    const schema = schemas.get("io.k8s.api.core.v1.Container");
    if (schema === undefined) return container;
    return applyStrategicMergePatch(
      container,
      { ...this.#custom, name: container.name },
      schema,
      schemas,
    ) as T;
  }

  /** Waits until the container runs, and joins it with this terminal; one that has ended shows its log. */
  async #attach(pod: Pod, container: string): Promise<void> {
    const { session, io, flags } = this.#context;
    const place = { resource: resources.pods, namespace: pod.metadata.namespace, name: pod.metadata.name };
    let state = stateOf(pod, container);
    while (state?.running === undefined && state?.terminated === undefined) {
      await session.clock.sleep(100);
      state = stateOf((await session.api.get(place)) as unknown as Pod, container);
      const why = state?.waiting?.message ?? "";
      if (why !== "" && !flags.bool("quiet")) session.warn(`container ${container}: ${why}`);
    }
    if (state.terminated === undefined) {
      try {
        if (!flags.bool("quiet")) io.err("If you don't see a command prompt, try pressing enter.\n");
        await converse(this.#context, pathOf({ ...place, subresource: "attach" }), { container });
        return;
      } catch (error) {
        io.err(
          `warning: couldn't attach to pod/${place.name}, falling back to streaming logs: ${plainText(error)}\n`,
        );
      }
    }
    const log = await session.transport.stream({
      method: "GET",
      path: pathOf({ ...place, subresource: "log" }),
      query: { container },
      accept: "*/*",
    });
    for await (const chunk of log) io.out(chunk);
  }
}

/** A host that may have capitals, and a path that may not. */
const imagePattern =
  /^(?:[A-Za-z\d.-]+(?::\d+)?\/)?[a-z\d]+(?:[._-]+[a-z\d]+)*(?:\/[a-z\d]+(?:[._-]+[a-z\d]+)*)*(?::\w[\w.-]*)?(?:@[A-Za-z][\w+.-]*:[\da-fA-F]{32,})?$/;

function stateOf({ status }: Pod, name: string): ContainerStatus["state"] {
  const all = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  return all.find((known) => known.name === name)?.state;
}
