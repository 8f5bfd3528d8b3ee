import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";

/** Runs the script in a process of its own; answers what it printed once it has ended by itself. */
async function printedBy(script: string): Promise<string> {
  const source = `import { createCluster, resources } from "./src/cluster/index.ts";\n${script}`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module-typescript", "-e", source],
    { timeout: 60_000 },
  );
  return stdout;
}

const https = `
  import { HttpsTransport } from "./src/client/https-transport.ts";
  import { loadKubeconfig, resolveContext } from "./src/client/kubeconfig.ts";
  import { newClient } from "./src/client/client.ts";
  import { RealClock } from "./src/apimachinery/clock.ts";
  const over = (kubeconfig) =>
    newClient(new HttpsTransport({ ...resolveContext(loadKubeconfig([kubeconfig])).transport, clock: new RealClock() }));
`;

describe("a process with clusters", { timeout: 90_000 }, () => {
  it("ends though they were not closed and a port is open, and leaves no file", async () => {
    const printed = await printedBy(`${https}
      const cluster = await createCluster({ nodes: 2 });
      const kubeconfig = await cluster.kubeconfig();
      await over(kubeconfig).resource(resources.pods).list();
      console.log(kubeconfig);
    `);
    const kubeconfig = printed.trim();
    expect(kubeconfig).toMatch(/kubeconfig$/);
    expect(existsSync(dirname(kubeconfig))).toBe(false);
  });

  it("lives as long as a test waits for what happens in them", async () => {
    const printed = await printedBy(`
      const cluster = await createCluster({ nodes: 0 });
      const endMs = Date.now() + 1500;
      await cluster.until(() => Date.now() > endMs);
      console.log("waited");
      cluster.faults.add({ verb: "list", resource: "pods", delay: "1s" });
      await cluster.client.resource(resources.pods).list();
      console.log("answered");
    `);
    expect(printed).toBe("waited\nanswered\n");
  });

  it("has no handle left of those that were closed, also after crashes and with clients connected", async () => {
    const printed = await printedBy(`${https}
      const handles = () => process.getActiveResourcesInfo().filter((name) => name !== "Immediate").toSorted();
      const use = async () => {
        await using cluster = await createCluster({ nodes: 1 });
        const pods = over(await cluster.kubeconfig()).resource(resources.pods);
        const { metadata } = await pods.list();
        const watching = (async () => {
          for await (const _ of pods.watch({ resourceVersion: metadata.resourceVersion }));
        })().catch(() => undefined);
        await cluster.server.crash();
        await watching;
        await cluster.server.restart();
        cluster.faults.add({ verb: "watch", delay: "1h" });
        await pods.list();
      };
      await use();
      const before = handles();
      await use();
      await use();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const after = handles();
      console.log(JSON.stringify({ before, after, listening: after.filter((name) => name.startsWith("TCP")) }));
    `);
    const { before, after, listening } = JSON.parse(printed) as Record<string, string[]>;
    expect(after?.length).toBeLessThanOrEqual(before?.length ?? 0);
    expect(listening).toEqual([]);
  });

  it("that was killed leaves no folder", async ({ onTestFinished }) => {
    const source = `import { createCluster } from "./src/cluster/index.ts";
      console.log(await (await createCluster({ nodes: 0 })).kubeconfig());
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", source]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const kubeconfig = await new Promise<string>((resolve) => {
      child.stdout.once("data", (text: Buffer) => resolve(String(text).trim()));
    });
    await using cluster = await createCluster({ clock: "virtual", nodes: 0 });
    await cluster.kubeconfig();
    // While it lives its folder is left alone.
    expect(existsSync(kubeconfig)).toBe(true);
    child.kill("SIGKILL");
    await expect.poll(() => existsSync(dirname(kubeconfig)), { timeout: 30_000 }).toBe(false);
  });

  it("keeps no child of a thread that has ended", async () => {
    const printed = await printedBy(`
      import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      import { processStates } from "./src/linux/testing/processes.ts";
      const script = \`
        import { parentPort } from "node:worker_threads";
        import { createCluster } from "./src/cluster/index.ts";
        parentPort.postMessage(await (await createCluster({ nodes: 0 })).kubeconfig());
      \`;
      const worker = new Worker(script, { eval: true, execArgv: ["--input-type=module-typescript"] });
      const [kubeconfig] = await once(worker, "message");
      await worker.terminate();
      console.log(JSON.stringify({ kubeconfig, children: processStates(process.pid) }));
    `);
    const { kubeconfig, children } = JSON.parse(printed) as { kubeconfig: string; children: string[] };
    expect(children).toEqual([]);
    expect(existsSync(dirname(kubeconfig))).toBe(false);
  });

  it("removes what another left that was killed with everything around it", async () => {
    await using cluster = await createCluster({ clock: "virtual", nodes: 0 });
    const own = dirname(await cluster.kubeconfig());
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const left = own.replace(`-${process.pid}-`, `-${child.pid}-`);
    mkdirSync(left);
    await using next = await createCluster({ clock: "virtual", nodes: 0 });
    await next.kubeconfig();
    expect([own, left].map((folder) => existsSync(folder))).toEqual([true, false]);
  });
});
