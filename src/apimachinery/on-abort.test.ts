import { expect, test } from "vitest";
import { onAbort } from "./on-abort.ts";

test("onAbort() calls each once, in their order, but for those who took it back", () => {
  const controller = new AbortController();
  const heard: string[] = [];
  const hear = (): void => void heard.push("same");
  onAbort(controller.signal, () => heard.push("first"));
  const takeBack = onAbort(controller.signal, () => heard.push("never"));
  onAbort(controller.signal, hear);
  onAbort(controller.signal, hear);
  takeBack();
  controller.abort();
  controller.abort();
  expect(heard).toEqual(["first", "same", "same"]);
});
