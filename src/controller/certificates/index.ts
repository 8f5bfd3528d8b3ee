import type { CertificateAuthority } from "../../pki/index.ts";
import type { ControllerRegistration } from "../controller.ts";
import { certificateApprovingController } from "./approver.ts";
import { certificateCleaningController } from "./cleaner.ts";
import { certificateSigningController } from "./signer.ts";

/** The life of signing requests: approved when whoever asks may, signed by the cluster's authority, cleaned away. */
export const certificateControllers = (authority: () => CertificateAuthority): ControllerRegistration[] => [
  certificateApprovingController,
  certificateSigningController(authority),
  certificateCleaningController,
];
