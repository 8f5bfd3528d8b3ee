import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Finished, RunningCluster } from "../../e2e/sampan.ts";
import { type BuiltImage, buildImage, imagePath, installBusybox, writeUsers } from "../../images/build.ts";

/** A program of an operator and the image that its manifests ask for. */
export interface OperatorProgram {
  /** Its package, below the module. */
  readonly main: string;
  readonly image: string;
  /** Where the image has it. */
  readonly path: string;
  /** Number of the user that the image names; manifests say `runAsNonRoot` and rely on it. */
  readonly user: number;
  readonly flags?: readonly string[];
}

/** An operator that people run, as it is published. */
export interface KnownOperator {
  readonly name: string;
  readonly version: string;
  /** Where the Go module proxy has it; undefined when it is no Go program. */
  readonly module?: string;
  readonly programs?: readonly OperatorProgram[];
  /** Images that its sample asks for; each is a small shell here. */
  readonly standIns?: readonly string[];
  /** Installs it from its own manifests and goes through its first steps; throws at what does not work. */
  readonly tryOut: (trial: Trial) => Promise<void>;
}

/** What an operator is tried with. */
export interface Trial {
  readonly cluster: RunningCluster;
  /** The module's source, with manifests and samples; this folder, where there is no module. */
  readonly source: string;
  /** Told as it happens, for the report. */
  readonly worked: (what: string) => void;
}

/** kubectl without a namespace of its own: for files whose objects are in several. */
export function plainKubectl(cluster: RunningCluster, args: readonly string[]): Promise<Finished> {
  return cluster.home.run("kubectl", ["--context", `sampan-${cluster.name}`, ...args]);
}

/** A static program and what each image has of a system. */
export function programImage({ image, path, user }: OperatorProgram, file: string): Promise<BuiltImage> {
  const program = createHash("sha256").update(readFileSync(file)).digest("hex");
  return buildImage({
    name: image,
    packages: [],
    programs: [],
    config: { Entrypoint: [path], User: String(user), Labels: { program, path } },
    fill: (root) => {
      writeUsers(root);
      mkdirSync(join(root, dirname(path)), { recursive: true });
      copyFileSync(file, join(root, path));
      chmodSync(join(root, path), 0o755);
    },
  });
}

/** An image that waits, under the name of one that is not here. */
export function standIn(name: string): Promise<BuiltImage> {
  return buildImage({
    name,
    packages: ["busybox-static"],
    programs: ["busybox"],
    config: { Entrypoint: ["/bin/sleep", "infinity"], Env: [`PATH=${imagePath}`] },
    fill: (root) => {
      installBusybox(root);
      writeUsers(root);
    },
  });
}
