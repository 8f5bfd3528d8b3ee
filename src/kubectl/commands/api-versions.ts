import type { APIGroupList, APIVersions } from "../../apimachinery/meta-v1.ts";
import type { KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";

export const apiVersionsCommand: KubectlCommand = {
  usage: "",
  summary: 'Print the supported API versions on the server, in the form of "group/version"',
  run: async ({ args, session, io, path }) => {
    if (args.length > 0)
      throw new KubectlError(
        `unexpected arguments: [${args.join(" ")}]\nSee '${path} -h' for help and examples`,
      );
    const core = (await session.api.call("GET", "/api")) as APIVersions;
    const { groups } = (await session.api.call("GET", "/apis")) as APIGroupList;
    const versions = [
      ...core.versions,
      ...groups.flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion)),
    ];
    io.out(
      versions
        .sort()
        .map((version) => `${version}\n`)
        .join(""),
    );
  },
};
