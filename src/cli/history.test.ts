import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCluster } from "../cluster/library/create-cluster.ts";
import type { EmbeddedCluster } from "../cluster/library/embedded-cluster.ts";
import { type Command, type CommandError, runCommand } from "./command.ts";
import { diffCommand } from "./diff.ts";
import { historyCommand } from "./history.ts";
import { rewindCommand } from "./rewind.ts";

let cluster: EmbeddedCluster;
let kubeconfig: string;
let before: number;

async function sampan(command: Command, ...argv: string[]): Promise<{ code: number; out: string }> {
  let out = "";
  const write = (text: string) => (out += text);
  const io = { out: write, error: write, interactive: false, environment: { KUBECONFIG: kubeconfig } };
  return { code: await runCommand(command, argv, io), out };
}

const refusal = async (command: Command, ...argv: string[]): Promise<CommandError> =>
  await sampan(command, ...argv).then(
    () => Promise.reject(new Error("it was not refused")),
    (error: unknown) => error as CommandError,
  );

const settings = (color: string): string =>
  `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {color: ${color}, size: large}}`;

describe("sampan history, diff and rewind", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    cluster = await createCluster({ nodes: 0 });
    kubeconfig = await cluster.kubeconfig();
    await cluster.apply(settings("red"));
    before = await cluster.revision();
    await cluster.apply(settings("blue"));
  });
  afterAll(async () => await cluster.close());

  it("list who changed what", async () => {
    const { code, out } = await sampan(historyCommand, "cm/settings", "--since", "10m");
    const [head, first, second] = out.split("\n");
    expect(head).toMatch(/^REVISION +AGE +VERB +WHO +MANAGER +BECAUSE OF +CHANGED$/);
    expect(first).toMatch(/^\d+ +\d+s +patch +kubernetes-admin +sampan +- +created$/);
    expect(second).toMatch(/^\d+ +\d+s +patch +kubernetes-admin +sampan +- +\.data\.color$/);
    expect(code).toBe(0);
    expect((await sampan(historyCommand, "cm/other")).out).toMatch(/^Nothing is known of cm\/other: /);
  });

  it("show an object as it was, and every state for programs", async () => {
    const { out } = await sampan(historyCommand, "configmap", "settings", "--revision", String(before));
    expect(out).toContain("color: red");
    const all = JSON.parse((await sampan(historyCommand, "cm/settings", "-o", "json")).out) as {
      items: unknown[];
    };
    expect(all.items).toMatchObject([
      { change: "created", after: { data: { color: "red" } } },
      { change: "changed", before: { data: { color: "red" } }, after: { data: { color: "blue" } } },
    ]);
  });

  it("show what differs, as diff does, and write it back", async () => {
    const { code, out } = await sampan(diffCommand, "cm/settings", "--from", String(before));
    expect(out).toMatch(
      /^--- configmaps\/settings \(revision \d+\)\n\+\+\+ configmaps\/settings \(revision \d+\)\n@@ /,
    );
    expect(out).toContain("\n-  color: red\n+  color: blue\n");
    expect(code).toBe(1);
    expect(await sampan(diffCommand, "--all", "-q", "--from", String(before))).toEqual({
      code: 1,
      out: "changed  configmaps/settings\n",
    });
    const to = ["--to", String(before)];
    expect(await sampan(rewindCommand, "cm/settings", ...to, "--dry-run")).toEqual({
      code: 0,
      out: "configmaps/settings updated (dry run): .data.color\n",
    });
    expect((await cluster.get("cm", "settings"))["data"]).toMatchObject({ color: "blue" });
    expect(await sampan(rewindCommand, "cm/settings", ...to)).toEqual({
      code: 0,
      out: "configmaps/settings updated: .data.color\n",
    });
    expect(await sampan(diffCommand, "cm/settings", "--from", String(before))).toEqual({ code: 0, out: "" });
    expect((await sampan(rewindCommand, "--all", ...to)).out).toContain(
      `Nothing to do: all is as it was at revision ${before}.`,
    );
  });

  it("refuse what makes no sense, by name", async () => {
    expect(await refusal(historyCommand)).toMatchObject({
      exitCode: 2,
      remedy: expect.stringContaining("sampan history deployment/web"),
    });
    expect(await refusal(diffCommand, "cm/settings")).toMatchObject({
      exitCode: 2,
      message: "sampan diff: from which revision?",
    });
    expect(await refusal(rewindCommand, "cm/settings", "--to", "soon")).toMatchObject({
      message: '--to: "soon" is no revision',
    });
    expect(await refusal(historyCommand, "cm/settings", "--since", "soon")).toMatchObject({
      message: '"soon" is no duration',
    });
    expect(await refusal(diffCommand, "cm/settings", "--from", "1")).toMatchObject({
      message: expect.stringMatching(/^revision 1 is forgotten/),
    });
    expect(await refusal(historyCommand, "cm/settings", "--revision", "1")).toMatchObject({
      message: expect.stringContaining("forgotten"),
      remedy: expect.stringMatching(/^name revision \d+ or a later one/),
    });
    expect(await refusal(rewindCommand, "cm/settings", "--to", "1000000")).toMatchObject({
      message: expect.stringMatching(/^revision 1000000 has not been written yet: the newest is \d+$/),
    });
  });
});
