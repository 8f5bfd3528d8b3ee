import { expect, it } from "vitest";
import { decodeEnvelope } from "../../apimachinery/protobuf.ts";
import { encodeProtobufAnswer, protobufReady } from "./protobuf.ts";

it.each(["APIResourceList", "APIVersions"])("%s of the legacy group has a binary form too", async (kind) => {
  await protobufReady();
  const { apiVersion, kind: found } = decodeEnvelope(encodeProtobufAnswer({ kind }));
  expect([apiVersion, found]).toEqual(["", kind]);
});
