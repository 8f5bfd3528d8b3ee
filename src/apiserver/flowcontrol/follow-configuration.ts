import type { FlowSchema, PriorityLevelConfiguration } from "../../api/types/flowcontrol-v1.ts";
import type { ObjectReader } from "../object-reader.ts";
import { suggestedConfiguration } from "./bootstrap-configuration.ts";
import type { FlowController } from "./flow-controller.ts";

const group = "flowcontrol.apiserver.k8s.io";
export const levelResource = { group, resource: "prioritylevelconfigurations" } as const;
export const schemaResource = { group, resource: "flowschemas" } as const;

/**
 * Tells the controller what the API objects say, now and after each change. As long as nobody has made the suggested
 * objects they count as made, so that a young cluster is protected as well as an old one.
 */
export class FollowedConfiguration {
  readonly #reader: ObjectReader;
  readonly #controller: FlowController;
  #imaginesSuggested = true;
  #isScheduled = false;

  constructor(reader: ObjectReader, controller: FlowController) {
    this.#reader = reader;
    this.#controller = controller;
    for (const resource of [levelResource, schemaResource]) {
      reader.onChange(resource, (object, old) => {
        // A condition that was written changes nothing here.
        if (object === undefined || old === undefined || !isStatusOnly(object, old)) this.#schedule();
      });
    }
  }

  /** The suggested objects have been made: one that is missing from here on was taken away on purpose. */
  suggestedAreMade(): void {
    this.#imaginesSuggested = false;
    this.read();
  }

  read(): void {
    const levels = this.#reader.list<PriorityLevelConfiguration>(levelResource);
    const schemas = this.#reader.list<FlowSchema>(schemaResource);
    if (!this.#imaginesSuggested) {
      this.#controller.configure(levels, schemas);
      return;
    }
    this.#controller.configure(
      withMissing(levels, suggestedConfiguration.levels),
      withMissing(schemas, suggestedConfiguration.schemas),
    );
  }

  /** Changes that come together are taken over together. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.read();
    });
  }
}

type Named = {
  readonly metadata: { readonly name?: string | undefined; readonly generation?: number | undefined };
};

const isStatusOnly = (object: Named, old: Named): boolean =>
  object.metadata.generation === old.metadata.generation && object.metadata.generation !== undefined;

function withMissing<T extends Named>(found: readonly T[], others: readonly T[]): T[] {
  const names = new Set(found.map(({ metadata }) => metadata.name));
  return [...found, ...others.filter(({ metadata }) => !names.has(metadata.name))];
}
