import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCluster } from "../cluster/library/create-cluster.ts";
import type { EmbeddedCluster } from "../cluster/library/embedded-cluster.ts";
import { type CommandError, runCommand } from "./command.ts";
import { whyCommand } from "./why.ts";

let cluster: EmbeddedCluster;
let kubeconfig: string;

async function sampanWhy(...argv: string[]): Promise<{ code: number; out: string }> {
  let out = "";
  const io = {
    out: (text: string) => (out += text),
    error: (text: string) => (out += text),
    interactive: false,
    environment: { KUBECONFIG: kubeconfig },
  };
  return { code: await runCommand(whyCommand, argv, io), out };
}

const refusal = async (...argv: string[]): Promise<CommandError> =>
  await sampanWhy(...argv).then(
    () => Promise.reject(new Error("it was not refused")),
    (error: unknown) => error as CommandError,
  );

describe("sampan why", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    cluster = await createCluster();
    kubeconfig = await cluster.kubeconfig();
    const pod = (name: string, image: string): string =>
      `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, spec: {containers: [{name: main, image: ${image}}]}}\n---\n`;
    await cluster.apply(
      `${pod("good", "nginx")}${pod("bad", "example.com/missing:1")}{apiVersion: v1, kind: Namespace, metadata: {name: quiet}}`,
    );
    const phase = async (name: string): Promise<string> =>
      JSON.stringify((await cluster.get("pod", name)).status ?? {});
    await cluster.until(
      async () => (await phase("good")).includes('"Running"') && (await phase("bad")).includes("Image"),
    );
    await cluster.until(async () => (await sampanWhy("pod/good")).code === 0, { timeout: "20s" });
  });
  afterAll(async () => await cluster.close());

  it("tells of one thing, named in either of kubectl's ways, and ends with 1 when it is not ready", async () => {
    const { code, out } = await sampanWhy("pod/bad");
    expect(out).toContain("its image example.com/missing:1 is not in its registry\n\nNext: ");
    expect(code).toBe(1);
    expect(await sampanWhy("po", "bad", "-n", "default")).toEqual({ code, out });
  });

  it("ends with 0 when all is well", async () => {
    expect(await sampanWhy("pod/good")).toEqual({ code: 0, out: "pod/good is ready: 1 container runs\n" });
    expect(await sampanWhy("-n", "quiet")).toEqual({
      code: 0,
      out: 'All is well in namespace "quiet": nothing waits and nothing fails.\n',
    });
  });

  it("tells of everything that is wrong when nothing is named", async () => {
    const { code, out } = await sampanWhy("-A");
    expect(out).toMatch(/^pod\/bad in default cannot start|^pod\/bad cannot start/);
    expect(out).not.toContain("pod/good");
    // Neither of what the cluster keeps for itself.
    expect(out.match(/^\w+\/\S+/gm)).toEqual(["pod/bad"]);
    expect(code).toBe(1);
  });

  it("gives programs the chain as JSON", async () => {
    const { out } = await sampanWhy("pod/bad", "-o", "json");
    expect(JSON.parse(out)).toMatchObject({
      reason: {
        state: "stuck",
        about: { kind: "Pod", name: "bad", namespace: "default" },
        next: { command: expect.any(String) },
      },
      unseen: [],
    });
  });

  it("refuses what it cannot answer by name", async () => {
    expect(await refusal("frogs/one")).toMatchObject({ message: 'the cluster serves no kind "frogs"' });
    expect(await refusal("pod/")).toMatchObject({
      exitCode: 2,
      remedy: expect.stringContaining("sampan why deployment/web"),
    });
    expect(await refusal("pod/one", "-o", "yaml")).toMatchObject({ exitCode: 2 });
    expect(await refusal("pod/one", "--context", "nowhere")).toMatchObject({
      message: expect.stringContaining('"nowhere"'),
    });
  });

  it("says what it may not look at", async () => {
    const text = cluster.clientOf({ name: "jane" });
    const { explain, printAnswer } = await import("../why/index.ts");
    const { RestMapper } = await import("../kubectl/rest-mapper.ts");
    const answer = await explain(
      { client: text, finder: new RestMapper(cluster.client.transport), nowMs: cluster.clock.now() },
      { resource: "pods", name: "bad", namespace: "default" },
    );
    expect(answer === undefined ? "" : printAnswer(answer)).toBe(
      "pod/bad may not be looked at by you\n\nNext: ask for the right to read it\n  kubectl -n default auth can-i get pods\n\nNot looked at, for lack of rights: pods in default.\n",
    );
  });
});
