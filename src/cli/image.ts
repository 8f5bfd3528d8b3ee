import { existsSync } from "node:fs";
import { RealClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { SystemRandom } from "../apimachinery/random.ts";
import { findInstance, openFolder } from "../cluster/instance.ts";
import type { LocalImages } from "../images/local-images.ts";
import {
  type Command,
  CommandError,
  isDiskFull,
  nameOption,
  type OptionValues,
  text,
  usageExitCode,
} from "./command.ts";
import { checkName } from "./instances.ts";
import { formatMs, Progress } from "./progress.ts";
import { table } from "./status.ts";

export const imageCommand: Command = {
  name: "image",
  usage: "image import FILE… | ls | pull NAME… | rm NAME…",
  summary: "import, pull, list and remove container images",
  description: `Images of a cluster's node. It need not run.

  import FILE…   docker-save archives and OCI layouts, as tar (also compressed) or folder. An imported image is
                 pinned under its name: pods use it whatever their pull policy says.
  pull NAME…     from its registry: HTTPS, or plain HTTP on loopback; mirrors and credentials come from
                 registries.yaml in the cluster's folder.
  ls             what is there.
  rm NAME…       remove names, and the layers that nothing else needs.`,
  options: {
    name: nameOption,
    username: { type: "string", short: "u", value: "USER", description: "for pull: who to log in as" },
    "password-stdin": { type: "boolean", description: "for pull: read the password from standard input" },
  },
  examples: [
    "sampan image import nginx.tar",
    "sampan image pull docker.io/library/nginx:1.27",
    "sampan image ls",
  ],
  maxArguments: 1000,
  async run(options, [action = "", ...names], io) {
    const name = text(options, "name");
    checkName(name);
    const images = await open(name);
    switch (action) {
      case "ls":
      case "list": {
        const rows = (await images.listImages()).flatMap((image) =>
          (image.repoTags.length > 0
            ? image.repoTags
            : image.repoDigests.length > 0
              ? image.repoDigests
              : ["<none>"]
          ).map((tag) => [
            tag,
            image.id.replace("sha256:", "").slice(0, 12),
            `${(image.sizeBytes / 1e6).toFixed(1)} MB`,
            image.pinned ? "imported" : "",
          ]),
        );
        io.out(
          table([
            ["IMAGE", "ID", "SIZE", ""],
            ...rows.toSorted((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1)),
          ]),
        );
        return 0;
      }
      case "import":
        return await each(names, "import", "FILE", async (file) => {
          if (!existsSync(file)) throw new CommandError(`there is no file ${file}`);
          const startMs = performance.now();
          const imported = await images.importImage(file);
          const took = formatMs(performance.now() - startMs);
          for (const image of imported)
            io.out(`imported ${image.repoTags.join(", ") || image.id} (${took})\n`);
        });
      case "pull":
        return await each(names, "pull", "NAME", async (reference) => {
          const progress = new Progress(io);
          progress.start(`pulling ${reference}`);
          const startMs = performance.now();
          await images.pullImage(reference, {
            credentials: await credentials(options),
            onProgress: ({ doneBytes, totalBytes }) =>
              progress.update(
                `pulling ${reference}: ${Math.round((100 * doneBytes) / Math.max(1, totalBytes))} %`,
              ),
          });
          progress.done();
          io.out(`pulled ${reference} (${formatMs(performance.now() - startMs)})\n`);
        });
      case "rm":
      case "remove":
        return await each(names, "rm", "NAME", async (reference) => {
          if ((await images.imageStatus(reference)) === undefined) {
            throw new CommandError(`there is no image ${reference}`, {
              remedy: "sampan image ls shows what is there",
            });
          }
          await images.removeImage(reference);
          io.out(`removed ${reference}\n`);
        });
      default:
        throw new CommandError(
          action === "" ? "say what to do with images" : `there is no "image ${action}"`,
          {
            remedy: "sampan image import FILE, image ls, image pull NAME, image rm NAME",
            exitCode: usageExitCode,
          },
        );
    }
  },
};

async function open(name: string): Promise<LocalImages> {
  // Images come before the first start: addresses are chosen then, not now.
  if ((findInstance(name)?.settings.runtime ?? "crun") !== "crun") {
    throw new CommandError(`cluster "${name}" is simulated: it runs no images`, {
      remedy: "its pods pretend to have every image; for real ones use another --name",
    });
  }
  const { openImages } = await import("../cluster/crun-node.ts");
  return openImages(openFolder(name), {
    clock: new RealClock(),
    random: new SystemRandom(),
    logger: silentLogger,
  });
}

function whyOf(error: unknown): string {
  if (isDiskFull(error))
    return "the disk is full; nothing of it was kept. Free some space and run this again";
  return error instanceof Error ? error.message : String(error);
}

/** One argument at least; what fails is named, and the rest is done. */
async function each(
  names: readonly string[],
  action: string,
  what: string,
  act: (name: string) => Promise<void>,
): Promise<number> {
  if (names.length === 0) {
    throw new CommandError(`image ${action} needs at least one ${what}`, {
      remedy: `sampan image ${action} ${what}`,
      exitCode: usageExitCode,
    });
  }
  const failures: string[] = [];
  for (const name of names) {
    try {
      await act(name);
    } catch (error) {
      failures.push(`${name}: ${whyOf(error)}`);
    }
  }
  if (failures.length > 0) throw new CommandError(`image ${action} failed for\n  ${failures.join("\n  ")}`);
  return 0;
}

async function credentials(options: OptionValues): Promise<{ username: string; password: string }[]> {
  const username = text(options, "username");
  if (username === "") return [];
  if (options["password-stdin"] !== true) {
    throw new CommandError("a user needs a password", {
      remedy: "echo PASSWORD | sampan image pull -u USER --password-stdin NAME",
      exitCode: usageExitCode,
    });
  }
  const { text: readAll } = await import("node:stream/consumers");
  return [{ username, password: (await readAll(process.stdin)).trimEnd() }];
}
