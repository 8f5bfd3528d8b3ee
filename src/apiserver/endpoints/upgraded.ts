import type { UpgradedResponse } from "./api-request.ts";

/** A refusal comes before anything was written, within this turn, and is answered like any other. */
export async function upgraded(ended: Promise<void>): Promise<UpgradedResponse> {
  let refusal: unknown;
  const settled = ended.catch((error: unknown) => {
    refusal = error;
  });
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (refusal !== undefined) throw refusal;
  return { type: "upgraded", ended: settled };
}
