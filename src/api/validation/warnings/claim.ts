import type { PersistentVolumeClaimSpec } from "../../types/core-v1.ts";
import { quantity } from "../basics.ts";

export function claimWarnings(
  spec: PersistentVolumeClaimSpec | undefined,
  path: string,
  warnings: string[],
): void {
  for (const field of ["requests", "limits"] as const) {
    const raw = spec?.resources?.[field]?.["storage"];
    if (raw === undefined || quantity(raw).milliValue() % 1000n === 0n) continue;
    const shown = JSON.stringify(quantity(raw).toString());
    warnings.push(
      `${path}.resources.${field}[storage]: fractional byte value ${shown} is invalid, must be an integer`,
    );
  }
}
