import { storageContract } from "../testing/storage-contract.ts";
import { MemoryStorage } from "./memory-storage.ts";

storageContract("memory", async () => new MemoryStorage());
