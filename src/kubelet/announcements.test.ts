import { expect, test } from "vitest";
import type { ConfigMap } from "../api/types/core-v1.ts";
import type { EventHandler, Informer, InformerFactory } from "../client/informer.ts";
import { Announcements } from "./announcements.ts";

/** Caches of which only handlers matter. */
function caches() {
  const handlers = new Set<EventHandler<ConfigMap>>();
  const informer = {
    reference: { kind: "ConfigMap" },
    addHandler(handler: EventHandler<ConfigMap>) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  } as unknown as Informer<ConfigMap>;
  const factory = { informer: () => informer } as unknown as InformerFactory;
  const change = (name: string): void => {
    const object: ConfigMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "default" },
    };
    for (const handler of handlers) handler.updated?.(object, object);
  };
  return { factory, informer, handlers, change };
}

test("a change is told to those who listen for it, whoever they are, by one handler for all", () => {
  const { factory, informer, handlers, change } = caches();
  const heard: string[] = [];
  const nodes = ["a", "b", "c"].map((node) => {
    const announcements = Announcements.of(factory);
    announcements.announce(informer);
    return {
      announcements,
      end: announcements.listen(`ConfigMap default/of-${node}`, () => heard.push(node)),
    };
  });
  nodes[2]?.announcements.listen("ConfigMap default/of-a", () => heard.push("c, too"));
  expect(handlers.size).toBe(1);
  change("of-a");
  change("of-nobody");
  nodes[0]?.end();
  change("of-a");
  expect(heard).toEqual(["a", "c, too", "c, too"]);
  nodes[0]?.announcements.release();
  nodes[1]?.announcements.release();
  expect(handlers.size).toBe(1);
  nodes[2]?.announcements.release();
  expect(handlers.size).toBe(0);
  expect(Announcements.of(factory)).not.toBe(nodes[0]?.announcements);
});

test("changes of a kind can be told under one key", () => {
  const { factory, informer, change } = caches();
  const announcements = Announcements.of(factory);
  announcements.announce(informer, "any");
  let count = 0;
  announcements.listen("any", () => count++);
  change("x");
  change("y");
  expect(count).toBe(2);
});
