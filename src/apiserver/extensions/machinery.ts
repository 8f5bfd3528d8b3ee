import { CustomDefinition } from "./custom-definition.ts";
import { approvalOf } from "./definition/approval.ts";
import { prepareDefinition } from "./definition/prepare-definition.ts";
import { unknownFormats } from "./definition/unknown-formats.ts";
import { definitionErrors, nonStructuralReason } from "./definition/validate-definition.ts";
import { nameErrors } from "./definition/validate-names.ts";
import { openApiDocument } from "./open-api-document.ts";

/**
 * What only clusters with definitions need: schemas, their validation and their rules. Loaded when the first definition
 * is written or the first custom resource is asked for.
 */
export const customMachinery = {
  CustomDefinition,
  approvalOf,
  unknownFormats,
  definitionErrors,
  prepareDefinition,
  nonStructuralReason,
  nameErrors,
  openApiDocument,
} as const;
