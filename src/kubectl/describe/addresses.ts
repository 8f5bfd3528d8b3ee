import type { IPAddress, ServiceCIDR } from "../../api/types/networking-v1.ts";
import type { Describer } from "./context.ts";
import { describeEvents } from "./context.ts";
import { rfc1123 } from "./description.ts";

export const describeServiceCidr: Describer = async (d, object, context) => {
  const range = object as unknown as ServiceCIDR;
  const { metadata, spec, status } = range;
  const events = await context.eventsAbout(range);
  d.field("Name", metadata.name)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations)
    .field("CIDRs", (spec?.cidrs ?? []).join(", "));
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0) {
    d.line(0, "Status:").line(0, "Conditions:");
    d.row(1, "Type", "Status", "LastTransitionTime", "Reason", "Message");
    d.row(1, "----", "------", "------------------", "------", "-------");
    for (const { type, status: holds, lastTransitionTime, reason, message } of conditions)
      d.row(1, type, holds, rfc1123(lastTransitionTime), reason, message);
  }
  describeEvents(d, events);
};

export const describeIpAddress: Describer = async (d, object, context) => {
  const address = object as unknown as IPAddress;
  const { metadata, spec } = address;
  const events = await context.eventsAbout(address);
  d.field("Name", metadata.name)
    .labels("Labels", metadata.labels)
    .annotations("Annotations", metadata.annotations);
  const parent = spec?.parentRef;
  if (parent !== undefined) {
    d.line(0, "Parent Reference:");
    d.field("Group", parent.group, 1).field("Resource", parent.resource, 1);
    d.field("Namespace", parent.namespace, 1).field("Name", parent.name, 1);
  }
  describeEvents(d, events);
};
