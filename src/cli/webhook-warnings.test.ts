import { expect, test } from "vitest";
import type { Event } from "../api/types/core-v1.ts";
import { webhookWarnings } from "./webhook-warnings.ts";

const nowMs = Date.parse("2026-01-01T00:10:00Z");
const time = (beforeMs: number): string => new Date(nowMs - beforeMs).toISOString();

function event(changes: Partial<Event> & { readonly revision?: number }): Event {
  const { revision = 1, ...rest } = changes;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `e${revision}`, resourceVersion: String(revision) },
    involvedObject: { kind: "ValidatingWebhookConfiguration", name: "checks", uid: "1" },
    type: "Warning",
    reason: "WebhookFailed",
    message:
      'webhook "a.example.com" fails, requests that it is to be asked about are refused: connection refused',
    lastTimestamp: time(3_000),
    count: 2,
    ...rest,
  };
}
const answers = {
  type: "Normal",
  reason: "WebhookAnswers",
  message: 'webhook "a.example.com" answers again',
};
const line =
  'ValidatingWebhookConfiguration checks: webhook "a.example.com" fails, requests that it is to be asked about are refused: connection refused (2 times, last 3 s ago). Next: sampan why validatingwebhookconfiguration/checks';

test.each<[string, Event[], string[]]>([
  ["fails", [event({})], [line]],
  ["answers again", [event({}), event({ ...answers, revision: 2 })], []],
  ["fails after it had answered again", [event({ revision: 3 }), event({ ...answers, revision: 2 })], [line]],
  [
    "failed for another reason before",
    [event({ message: 'webhook "a.example.com" fails: no such host' }), event({ revision: 2 })],
    [line],
  ],
  ["failed long ago", [event({ lastTimestamp: time(11 * 60_000) })], []],
  [
    "stands in a configuration that is gone",
    [event({ involvedObject: { kind: "ValidatingWebhookConfiguration", name: "checks", uid: "0" } })],
    [],
  ],
  [
    "is not the one that answers again",
    [
      event({}),
      event({
        type: "Normal",
        reason: "WebhookAnswers",
        message: 'webhook "b.example.com" answers again',
        revision: 2,
      }),
    ],
    [line],
  ],
])("of a webhook that %s, the status tells the last that is known", (_, events, expected) => {
  expect(webhookWarnings(events, new Set(["1"]), nowMs)).toEqual(expected);
});
