import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from "../../../api/types/admissionregistration-v1.ts";
import { type Selector, selectorFromLabelSelector } from "../../../apimachinery/labels.ts";
import type { LabelSelector } from "../../../apimachinery/meta-v1.ts";
import type { ObjectReader } from "../../object-reader.ts";

/** One webhook of a configuration. Validating webhooks lack `reinvocationPolicy` alone. */
export interface Hook {
  readonly configuration: string;
  /** Tells apart webhooks of equal names in a configuration. */
  readonly id: string;
  readonly webhook: MutatingWebhook;
  readonly namespaceSelector: Selector;
  readonly objectSelector: Selector;
}

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

/** The webhooks of all configurations of a kind, in the order in which they are asked: by name of the configuration. */
export class Hooks {
  readonly #reader: ObjectReader;
  readonly #resource: { readonly group: string; readonly resource: string };
  #known: readonly Hook[] | undefined;
  #isFollowed = false;

  constructor(
    reader: ObjectReader,
    resource: "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
  ) {
    this.#reader = reader;
    this.#resource = { group: "admissionregistration.k8s.io", resource };
  }

  all(): readonly Hook[] {
    if (!this.#isFollowed) {
      this.#isFollowed = true;
      this.#reader.onChange(this.#resource, () => {
        this.#known = undefined;
      });
    }
    this.#known ??= this.#read();
    return this.#known;
  }

  #read(): Hook[] {
    return [...this.#reader.list<Configuration>(this.#resource)]
      .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1))
      .flatMap(hooksOf);
  }
}

function hooksOf({ metadata, webhooks = [] }: Configuration): Hook[] {
  const seen = new Map<string, number>();
  return webhooks.map((webhook) => {
    const index = seen.get(webhook.name) ?? 0;
    seen.set(webhook.name, index + 1);
    return {
      configuration: metadata.name ?? "",
      id: `${metadata.name}/${webhook.name}/${index}`,
      webhook,
      namespaceSelector: selectorOf(webhook.namespaceSelector),
      objectSelector: selectorOf(webhook.objectSelector),
    };
  });
}

/** Without a selector a webhook is for all. */
const selectorOf = (selector: LabelSelector | undefined): Selector =>
  selectorFromLabelSelector(selector ?? {});
