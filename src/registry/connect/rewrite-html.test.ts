import { describe, expect, it } from "vitest";
import { rewriteHtml } from "./rewrite-html.ts";

async function rewritten(page: string, pieceBytes: number): Promise<string> {
  const bytes = Buffer.from(page);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const chunks: Uint8Array[] = [];
  const rewrite = (address: string): string => (address.startsWith("/") ? `/proxy${address}` : address);
  for await (const chunk of rewriteHtml(pieces(), rewrite)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe.each([1, 7, 10_000])("a page in pieces of %i bytes", (pieceBytes) => {
  it.each([
    ['<a href="/x">text</a>', '<a href="/proxy/x">text</a>'],
    ["<A HREF=/x>text</A>", '<A HREF="/proxy/x">text</A>'],
    ["<img alt='>' src='/x'/>", `<img alt='>' src="/proxy/x"/>`],
    ['<form method=post action = "/x">', '<form method=post action = "/proxy/x">'],
    ['<a href="/x?a=1&amp;b=2">', '<a href="/proxy/x?a=1&amp;b=2">'],
    [
      '<script src="/x">"<a href=/y>"</script><a href=/z>',
      '<script src="/proxy/x">"<a href=/y>"</script><a href="/proxy/z">',
    ],
    ["<style>a > b { }</style>", "<style>a > b { }</style>"],
    ["<!-- <a href=/x> --><p>", "<!-- <a href=/x> --><p>"],
    [
      '<!DOCTYPE html><html lang="de"><p title="/x">grüße',
      '<!DOCTYPE html><html lang="de"><p title="/x">grüße',
    ],
    ['<a data-href="/x" href="page">', '<a data-href="/x" href="page">'],
    ["1 < 2, 3 <4 and <", "1 < 2, 3 <4 and <"],
    ['<a href="/never ends', '<a href="/never ends'],
    ["", ""],
  ])("%s becomes %s", async (page, expected) => {
    expect(await rewritten(page, pieceBytes)).toBe(expected);
  });
});

it("a tag without an end is not kept for ever", async () => {
  let come = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield Buffer.alloc(1024, "<a ");
      come += 1024;
    }
  }
  for await (const chunk of rewriteHtml(endless(), (address) => address)) {
    if (chunk.length > 0) break;
  }
  expect(come).toBeLessThan(1 << 18);
});
