import { expect, it } from "vitest";
import { storageContract } from "../testing/storage-contract.ts";
import { MemoryStorage } from "./memory-storage.ts";

storageContract("memory", async () => new MemoryStorage());

it("lets the event loop turn while writes follow from writes without end", async () => {
  const storage = new MemoryStorage();
  const turned: number[] = [];
  let writes = 0;
  setImmediate(() => setImmediate(() => turned.push(writes)));
  for (; writes < 5000; writes++) {
    await storage.txn([], [{ type: "put", key: "/a", value: Buffer.from(String(writes)) }]);
  }
  expect(turned).toEqual([expect.any(Number)]);
});
