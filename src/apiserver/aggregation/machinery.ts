import { AvailabilityController } from "./availability-controller.ts";
import { forward } from "./forward.ts";
import { LocalRegistration } from "./local-registration.ts";

/** What only clusters need in which somebody asks for APIServices. */
export const aggregationMachinery = { AvailabilityController, forward, LocalRegistration } as const;
