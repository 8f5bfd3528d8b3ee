import type { FlowController } from "./flow-controller.ts";
import type { Waiting } from "./queue-set.ts";

/**
 * What /debug/api_priority_and_fairness/dump_* shows of levels, queues and waiting requests, in upstream's columns
 * (flowcontrol/apf_controller_debug.go). Undefined for a table that does not exist.
 */
export function dump(controller: FlowController, table: string): string | undefined {
  switch (table) {
    case "dump_priority_levels":
      return aligned([
        [
          "PriorityLevelName",
          "ActiveQueues",
          "IsIdle",
          "IsQuiescing",
          "WaitingRequests",
          "ExecutingRequests",
          "DispatchedRequests",
          "RejectedRequests",
          "TimedoutRequests",
          "CancelledRequests",
        ],
        ...priorityLevels(controller),
      ]);
    case "dump_queues":
      return aligned([
        [
          "PriorityLevelName",
          "Index",
          "PendingRequests",
          "ExecutingRequests",
          "SeatsInUse",
          "NextDispatchR",
          "InitialSeatsSum",
          "MaxSeatsSum",
          "TotalWorkSum",
        ],
        ...queues(controller),
      ]);
    case "dump_requests":
      return aligned([
        [
          "PriorityLevelName",
          "FlowSchemaName",
          "QueueIndex",
          "RequestIndexInQueue",
          "FlowDistingsher",
          "ArriveTime",
          "InitialSeats",
          "FinalSeats",
          "AdditionalLatency",
        ],
        ...requests(controller),
      ]);
    default:
      return undefined;
  }
}

function priorityLevels(controller: FlowController): string[][] {
  return controller.levels.map(({ name, isQuiescing, queues: set }) => {
    const active = [...set.dump()].filter(({ waiting }) => waiting.length > 0).length;
    const { dispatched, rejected, timedOut, cancelled } = set.counts;
    return [
      name,
      active,
      set.isIdle,
      isQuiescing,
      set.waiting,
      set.executing,
      dispatched,
      rejected,
      timedOut,
      cancelled,
    ].map(String);
  });
}

function queues(controller: FlowController): string[][] {
  return controller.levels.flatMap(({ name, queues: set }) =>
    [...set.dump()].map(({ index, waiting, start, seats }) => {
      const perQueue = [index, waiting.length, 0, 0].map(String);
      return [name, ...perQueue, `${start}ss`, String(seats), String(seats), `${seats}ss`];
    }),
  );
}

function requests(controller: FlowController): string[][] {
  const row = (level: string, queue: number, entry: Waiting, index: number): string[] => [
    level,
    entry.schemaName,
    String(queue),
    String(index),
    entry.distinguisher,
    new Date(entry.arrivedMs).toISOString(),
    String(entry.seats),
    "0",
    "0s",
  ];
  return controller.levels.flatMap(({ name, queues: set }) =>
    [...set.dump()].flatMap(({ index: queue, waiting }) =>
      waiting.map((entry, index) => row(name, queue, entry, index)),
    ),
  );
}

/** Columns end in a comma and are filled up with spaces, to eight characters at least. */
function aligned(rows: readonly string[][]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      // The comma is part of the cell, and one space at least follows it.
      widths[column] = Math.max(widths[column] ?? 8, cell.length + 2);
    }
  }
  const line = (row: string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : `${cell},`.padEnd(widths[column] ?? 8)))
      .join("");
  return `${rows.map(line).join("\n")}\n`;
}
