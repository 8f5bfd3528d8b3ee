import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PersistentVolumeClaim } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { persistentVolumeController } from "../persistent-volume/index.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { newClaim, newClass } from "../testing/volumes.ts";
import { localProvisionerController } from "./index.ts";

let run: ControllerRun;
let folders: string[];
beforeEach(() => begin({}));
afterEach(async () => run.stop());

function begin(more: { readonly everywhere?: boolean }): void {
  folders = [];
  const volumes = {
    nodeName: "n1",
    ...more,
    create: async (volume: string) => {
      folders = [...new Set([...folders, volume])];
      return `/var/lib/volumes/${volume}`;
    },
    remove: async (volume: string) => {
      folders = folders.filter((folder) => folder !== volume);
    },
  };
  run = runControllers([persistentVolumeController, localProvisionerController(volumes)]);
}

const provisioner = "sampan.dev/local";
const claim = () => run.transport.get(resources.persistentvolumeclaims, "data");
const volumes = () => run.transport.list(resources.persistentvolumes);

async function start(
  spec: Partial<PersistentVolumeClaim["spec"]> = {},
  storageClass: object = {},
): Promise<void> {
  run.transport.seed(newClass("local", { provisioner, ...storageClass }));
  run.transport.seed(newClaim({ storageClassName: "local", ...spec }));
  await run.settle();
}

describe("local volumes", () => {
  it("are made for a claim, bound to it, and pinned to the node", async () => {
    await start();
    expect(folders).toEqual(["pvc-claim-1"]);
    expect(volumes()).toMatchObject([
      {
        metadata: {
          name: "pvc-claim-1",
          annotations: { "pv.kubernetes.io/provisioned-by": provisioner },
        },
        spec: {
          capacity: { storage: "1Gi" },
          persistentVolumeReclaimPolicy: "Delete",
          storageClassName: "local",
          hostPath: { path: "/var/lib/volumes/pvc-claim-1" },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["n1"] }],
                },
              ],
            },
          },
        },
        status: { phase: "Bound" },
      },
    ]);
    expect(claim()?.status?.phase).toBe("Bound");
    expect(run.events()).toContain(
      "Normal ProvisioningSucceeded Successfully provisioned volume pvc-claim-1",
    );
  });

  it("wait for the scheduler when the class says so, and only serve their own node", async () => {
    await start({}, { volumeBindingMode: "WaitForFirstConsumer" });
    expect(folders).toEqual([]);
    const select = async (node: string): Promise<void> => {
      run.transport.modify(resources.persistentvolumeclaims, "data", ({ metadata }) => {
        metadata.annotations = { ...metadata.annotations, "volume.kubernetes.io/selected-node": node };
      });
      await run.settle();
    };
    await select("n2");
    expect(folders).toEqual([]);
    await select("n1");
    expect(claim()?.status?.phase).toBe("Bound");
  });

  it("of nodes that pretend are made on whichever is selected, and removed there", async () => {
    await run.stop();
    begin({ everywhere: true });
    await start({}, { volumeBindingMode: "WaitForFirstConsumer" });
    run.transport.modify(resources.persistentvolumeclaims, "data", ({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, "volume.kubernetes.io/selected-node": "n2" };
    });
    await run.settle();
    expect(JSON.stringify(volumes()[0]?.spec.nodeAffinity)).toContain('"values":["n2"]');
    expect(claim()?.status?.phase).toBe("Bound");
    run.transport.remove(resources.persistentvolumeclaims, "data");
    await run.settle();
    expect([folders, volumes()]).toEqual([[], []]);
  });

  it("go with their claim, data and all, when the class says Delete", async () => {
    await start();
    run.transport.remove(resources.persistentvolumeclaims, "data");
    await run.settle();
    expect([folders, volumes()]).toEqual([[], []]);
  });

  it("stay when somebody has saved them, though the cache does not show it", async () => {
    await start();
    await run.settle();
    // The binder has said that it is released; the provisioner is asked before it sees that it is to be kept.
    const keep = run.transport.react(({ method, path }) => {
      if (method !== "GET" || !path.endsWith("/persistentvolumes/pvc-claim-1")) return;
      keep();
      run.transport.modify(resources.persistentvolumes, "pvc-claim-1", ({ spec }) => {
        spec.persistentVolumeReclaimPolicy = "Retain";
      });
    });
    run.transport.remove(resources.persistentvolumeclaims, "data");
    await run.settle();
    expect([folders, volumes().map(({ status }) => status?.phase)]).toEqual([["pvc-claim-1"], ["Released"]]);
  });

  it("stay when the class says Retain", async () => {
    await start({}, { reclaimPolicy: "Retain" });
    run.transport.remove(resources.persistentvolumeclaims, "data");
    await run.settle();
    expect(folders).toEqual(["pvc-claim-1"]);
    expect(volumes()[0]?.status?.phase).toBe("Released");
  });

  it.each<[Partial<PersistentVolumeClaim["spec"]>, RegExp]>([
    [{ volumeMode: "Block" }, /makes no block volumes/],
    [{ selector: { matchLabels: { a: "b" } } }, /cannot honour a selector/],
    [{ dataSource: { kind: "PersistentVolumeClaim", name: "x" } }, /cannot fill a volume/],
  ])("are refused by name for %j", async (spec, message) => {
    await start(spec);
    expect(folders).toEqual([]);
    expect(run.events()).toContainEqual(expect.stringMatching(message));
  });
});
