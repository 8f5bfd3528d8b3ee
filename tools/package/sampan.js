#!/usr/bin/env node
// Starts the command line on the Node that runs this. What it starts in turn gets the same flags.
process.execArgv.push("--disable-warning=ExperimentalWarning");
await import("./main.js");
