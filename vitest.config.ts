import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import manifest from "./package.json" with { type: "json" };

export default defineConfig({
  // The examples import the package by its name, as their readers do; here that is the sources.
  resolve: {
    alias: Object.entries(manifest.exports)
      .reverse()
      .map(([path, source]) => ({
        find: path.replace(/^\./, "sampan"),
        replacement: fileURLToPath(new URL(source, import.meta.url)),
      })),
  },
  test: {
    include: ["src/**/*.test.ts", "tools/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts"],
    testTimeout: 90_000,
    hookTimeout: 120_000,
    pool: "threads",
    maxWorkers: 2,
  },
});
