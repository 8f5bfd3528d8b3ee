import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

/** A limit range may go without a name: nobody asks for it by name. */
export const limitRangesExtension: ResourceExtension = {
  group: "",
  resource: "limitranges",
  setup: ({ random }) => ({
    strategy: {
      prepareForCreate(_context, { metadata }) {
        if ((metadata.name ?? "") === "") metadata.name = random.uuid();
      },
    },
  }),
};
