import type { CustomResourceDefinition } from "../api/types/apiextensions-v1.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";

const group = "kwok.x-k8s.io";

const logs = "the annotations simulated.sampan.dev/log, log-every and log-at of a pod say what it prints";
const use = "the annotations simulated.sampan.dev/cpu and memory of a pod say what it uses";
const streams = "in a simulated pod nothing runs that could be reached";

/** What else kwok is configured by, by resource, and what there is here instead. */
const instead: Readonly<Record<string, string>> = {
  logs,
  clusterlogs: logs,
  resourceusages: use,
  clusterresourceusages: use,
  metrics: `${use}; nodes tell of it at /metrics/resource`,
  execs: streams,
  clusterexecs: streams,
  attaches: streams,
  clusterattaches: streams,
  portforwards: streams,
  clusterportforwards: streams,
};

/** Tells of each object of kwok that is no Stage, by an event about it, that it does nothing here and what does. */
export function refuseOtherKinds(
  informers: InformerFactory,
  definitions: Informer<CustomResourceDefinition>,
  events: EventRecorder,
): () => void {
  const unsubscribe = new Map<string, () => void>();
  const look = ({ spec, status }: CustomResourceDefinition): void => {
    const { plural: resource, kind } = spec.names;
    const way = spec.group === group ? instead[resource] : undefined;
    const version = spec.versions.find(({ storage }) => storage)?.name;
    const isServed = status?.conditions?.some(
      ({ type, status: holds }) => type === "Established" && holds === "True",
    );
    if (way === undefined || version === undefined || isServed !== true || unsubscribe.has(resource)) return;
    const reference = { group, version, resource, kind, namespaced: spec.scope === "Namespaced" };
    const message = `A ${kind} of kwok does nothing here: ${way}`;
    const added = informers.informer(reference).addHandler({
      added: (object) => events.event(object, "Warning", "NotFollowed", message),
    });
    unsubscribe.set(resource, added);
  };
  unsubscribe.set("", definitions.addHandler({ added: look, updated: (_, definition) => look(definition) }));
  return () => {
    for (const end of unsubscribe.values()) end();
  };
}
