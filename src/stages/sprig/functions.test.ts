import { expect, test } from "vitest";
import { GoTemplate } from "../../apimachinery/go-template/go-template.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { sprigFunctions } from "./functions.ts";

const functions = sprigFunctions({
  nowMs: () => Date.UTC(2026, 4, 3, 14, 5, 6, 789),
  random: new SeededRandom(1),
});

const printed = (template: string): string =>
  new GoTemplate(template, { functions }).print({
    name: "Web-Server 1",
    list: ["b", "a", "b", ""],
    map: { a: 1, b: { c: 2 } },
    number: 7,
  });

test.each([
  ["{{ .name | upper | quote }}", '"WEB-SERVER 1"'],
  [
    "{{ .name | snakecase }} {{ .name | kebabcase }} {{ .name | camelcase }}",
    "web_server_1 web-server-1 WebServer1",
  ],
  ['{{ trimAll "$" "$5$" }} {{ trimPrefix "a" "aab" }} {{ trimSuffix "b" "abb" }}', "5 ab ab"],
  [
    '{{ trunc 3 "abcdef" }} {{ trunc -3 "abcdef" }} {{ substr 1 3 "abcdef" }} {{ abbrev 5 "abcdefg" }}',
    "abc def bc ab...",
  ],
  ['{{ repeat 2 "ab" }}{{ nindent 2 "x" }}', "abab\n  x"],
  ['{{ "a,b" | splitList "," | join "-" }} {{ (split "." "x.y")._1 }}', "a-b y"],
  ["{{ .list | uniq | compact | sortAlpha }}", "[a b]"],
  ['{{ without .list "b" | len }} {{ has "a" .list }} {{ .list | rest | first }}', "2 true a"],
  ["{{ slice .list 1 3 }} {{ chunk 3 .list | len }} {{ concat .list (list 1) | last }}", "[a b] 2 1"],
  [
    '{{ dig "b" "c" 0 .map }} {{ dig "b" "x" 0 .map }} {{ get .map "a" }} {{ hasKey .map "z" }}',
    "2 0 1 false",
  ],
  ['{{ merge (dict "a" 5) .map | toJson }}', '{"a":5,"b":{"c":2}}'],
  ['{{ omit .map "b" | toJson }} {{ pick .map "a" | keys }}', '{"a":1} [a]'],
  [
    "{{ add 1 2 3 }} {{ sub 5 2 }} {{ div 7 2 }} {{ mod -7 3 }} {{ max 1 9 3 }} {{ round 3.14159 2 }}",
    "6 3 3 -1 9 3.14",
  ],
  ["{{ seq 3 }} {{ seq 2 2 6 }} {{ until 3 }} {{ untilStep 0 6 2 }}", "1 2 3 2 4 6 [0 1 2] [0 2 4]"],
  ['{{ default "x" "" }} {{ coalesce 0 "" "y" }} {{ ternary 1 2 false }} {{ empty .list }}', "x y 2 false"],
  [
    "{{ kindOf .map }} {{ kindOf .list }} {{ kindOf .name }} {{ deepEqual (list 1) (list 1) }}",
    "map slice string true",
  ],
  [
    '{{ regexMatch "^W" .name }} {{ regexFind "[0-9]+" .name }} {{ regexReplaceAll "(\\\\w)-" "a-b" "${1}." }}',
    "true 1 a.b",
  ],
  ['{{ regexFindAll "[a-c]" "abcd" -1 }} {{ regexSplit "z+" "pizza" -1 }}', "[a b c] [pi a]"],
  [
    '{{ now | date "2006-01-02T15:04:05Z07:00" }} {{ now | date "Mon, 02 Jan 06 3:04PM" }}',
    "2026-05-03T14:05:06Z Sun, 03 May 26 2:05PM",
  ],
  [
    '{{ now | dateModify "-24h" | htmlDate }} {{ "2026-05-03T14:05:06Z" | unixEpoch }}',
    "2026-05-02 1777817106",
  ],
  ['{{ "x" | b64enc | b64dec | sha256sum | trunc 8 }}', "2d711642"],
  ["{{ randAlphaNum 8 | len }} {{ uuidv4 | len }}", "8 36"],
])("%s prints %s", (template, expected) => {
  expect(printed(template)).toBe(expected);
});

test.each([
  ["{{ fail .name }}", "Web-Server 1"],
  ["{{ div 1 0 }}", "integer divide by zero"],
  ['{{ env "HOME" }}', 'function "env" not defined'],
])("%s fails: %s", (template, why) => {
  expect(() => printed(template)).toThrow(why);
});
