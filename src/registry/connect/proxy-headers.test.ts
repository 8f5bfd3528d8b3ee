import { expect, it } from "vitest";
import { throughProxy } from "./proxy-headers.ts";

const prefix = "/api/v1/namespaces/default/pods/web/proxy";

it.each([
  ["/login?next=%2F#top", `${prefix}/login?next=%2F#top`],
  ["/", `${prefix}/`],
  ["/a//b/../c/", `${prefix}/a/c/`],
  ["http://10.1.2.3:8080/login", `${prefix}/login`],
  ["//10.1.2.3:8080/login", `${prefix}/login`],
  ["https://cluster:6443/login", `https://cluster:6443${prefix}/login`],
  [`${prefix}/login`, `${prefix}/login`],
  ["login", "login"],
  ["../login", "../login"],
  ["?page=2", "?page=2"],
  ["https://elsewhere.example/login", "https://elsewhere.example/login"],
])("the address %s of a redirection becomes %s", (address, expected) => {
  expect(throughProxy(address, prefix, "10.1.2.3:8080", "cluster:6443")).toBe(expected);
});
