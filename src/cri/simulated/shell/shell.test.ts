import { describe, expect, it } from "vitest";
import { pretend, pretending } from "../pretend-shell.ts";

const env = { HOSTNAME: "web-1", GREETING: "good day", EMPTY: "" };

/** What is printed, as `SECONDS TEXT`, and how it ends. */
function told(script: string): { printed: string[]; ends: string } {
  const { output, atMs, exitCode, isProgram } = pretend(["sh", "-c", script], env, Date.UTC(2026, 0, 1));
  return {
    printed: output.map(
      ({ atMs: at, stream, text }) => `${at / 1000}${stream === "stderr" ? "!" : ""} ${text}`,
    ),
    ends: `${isProgram ? "program" : exitCode} at ${atMs / 1000}`,
  };
}

describe("how long a script takes, and with what it ends", () => {
  it.each([
    ["sleep 30; exit 3", "3 at 30"],
    ["sleep 30 && exit 4", "4 at 30"],
    ["sleep 1m 30", "0 at 90"],
    ["sleep 0.5s; false", "1 at 0.5"],
    ["sleep infinity", "0 at Infinity"],
    ["sleep soon; exit", "1 at 0"],
    ["false || exit 5", "5 at 0"],
    ["true && false; exit 6", "6 at 0"],
    ["exit 300", "44 at 0"],
    ["false; exit", "1 at 0"],
    ["set -e; sleep 1; false; sleep 100", "1 at 1"],
    ["set -e; if false; then :; fi; false || true; ! true; sleep 2", "0 at 2"],
    ["(sleep 3; exit 7); sleep 1; exit 8", "8 at 4"],
    ["{ sleep 3; exit 7; }; exit 8", "7 at 3"],
    ["sh -c 'sleep 1; exit 7'; sleep 1", "0 at 2"],
    ["exec sleep 5", "0 at 5"],
    ["exec sleep 5; exit 9", "0 at 5"],
    ["sleep 30 & sleep 5; exit 2", "2 at 5"],
    ["sleep 30 & wait; exit 2", "2 at 30"],
    ["sleep $((10 * 3 + 1)); exit 2", "2 at 31"],
    ["T=20; sleep $T; exit $((T / 10))", "2 at 20"],
    ["for i in 1 2 3; do sleep $i; done; exit 4", "4 at 6"],
    ["for i in $(seq 2 4); do sleep $i; done", "0 at 9"],
    ["i=0; while [ $i -lt 5 ]; do i=$((i+1)); sleep 2; done; exit $i", "5 at 10"],
    ["until false; do sleep 1; break; done; exit 3", "3 at 1"],
    ["if [ \"$GREETING\" = 'good day' ]; then sleep 1; elif true; then sleep 2; else sleep 3; fi", "0 at 1"],
    ['if [ -z "$EMPTY" ]\nthen\n  sleep 4\nfi', "0 at 4"],
    ["timeout 10 sleep 100; exit $?", "124 at 10"],
    ["timeout 10s sleep 3; exit $?", "0 at 3"],
    ["while true; do :; done", "0 at Infinity"],
    ["tail -f /dev/null", "0 at Infinity"],
    ["trap 'exit 0' TERM; sleep 8; exit 1", "1 at 8"],
    ["# a comment\nsleep 2 # another\nexit 1", "1 at 2"],
    ["x=$(sleep 3; echo 4); sleep $x", "0 at 7"],
  ])("%s", (script, ends) => {
    expect(told(script).ends).toBe(ends);
  });
});

describe("what is not known", () => {
  it.each([
    // It takes no time and succeeds where something follows.
    ["apk add curl; sleep 5; exit 2", "2 at 5"],
    ["migrate --all && sleep 5", "0 at 5"],
    ["until nslookup db; do sleep 2; done; exit 3", "3 at 0"],
    ["while ! nc -z db 5432; do sleep 1; done; echo there", "0 at 0"],
    ["wget -q http://web && exit 4", "4 at 0"],
    // At the end it is what the container is there for.
    ["sleep 5; nginx -g 'daemon off;'", "program at 5"],
    ["exec nginx", "program at 0"],
    ["nginx & wait", "program at 0"],
    ["server | tee log", "program at 0"],
    // Beyond pretending.
    ["case $1 in a) exit 1;; esac", "program at 0"],
    ["cat <<EOF\nhello\nEOF\nexit 3", "program at 0"],
    ["f() { exit 3; }; f", "program at 0"],
    ["echo 'open", "program at 0"],
  ])("%s", (script, ends) => {
    expect(told(script).ends).toBe(ends);
  });

  it.each(["tar cf - /data", "cp a b", "cat /etc/hosts", "unknown; echo a", "test -f /ready"])(
    "is told of to who counts on it: %s",
    (script) => {
      expect(pretend(["sh", "-c", script], env).understood).toBe(false);
    },
  );

  it.each(["echo a; sleep 3; exit 1", "test 1 -lt 2", "exit 0"])("and what is known is: %s", (script) => {
    expect(pretend(["sh", "-c", script], env).understood).toBe(true);
  });
});

describe("what a script prints, and when", () => {
  it.each([
    ["echo a; sleep 2; echo b", ["0 a\n", "2 b\n"]],
    ["echo -n a; echo -e 'b\\tc'", ["0 a", "0 b\tc\n"]],
    ["echo \"$GREETING, ${NAME:-you}: $(hostname)\" '$x' \\$y", ["0 good day, you: web-1 $x $y\n"]],
    [
      "echo a >&2; echo b > /dev/null; echo c >> /tmp/x; echo d > /dev/stdout; echo e 2>&1",
      ["0! a\n", "0 d\n", "0 e\n"],
    ],
    ["{ echo a; echo b >&2; } > /dev/null", ["0! b\n"]],
    [
      "for f in a 'b c' $GREETING; do echo \"[$f]\"; done",
      ["0 [a]\n", "0 [b c]\n", "0 [good]\n", "0 [day]\n"],
    ],
    ["(sleep 3; echo late) & echo early; sleep 5; echo end", ["0 early\n", "3 late\n", "5 end\n"]],
    ["(sleep 3; echo late) & sleep infinity", ["3 late\n"]],
    ["seq 2 | while read n; do echo n$n; done", ["0 n1\n", "0 n2\n"]],
    ["echo a | cat", ["0 a\n"]],
    ["printf '%s=%d\\n' a 1 b 2", ["0 a=1\nb=2\n"]],
    ["sleep 90; date +%H:%M:%S; date", ["90 00:01:30\n", "90 Thu Jan  1 00:01:30 UTC 2026\n"]],
    ["echo $((2 + 3 * 4 - 10 / 2)) $((1 < 2 && 3 != 3))", ["0 9 0\n"]],
    ["A=1 B=$A; echo $A$B $?", ["0 11 0\n"]],
  ])("%s", (script, printed) => {
    expect(told(script).printed).toEqual(printed);
  });

  it("of a loop without end, one thing after the other", () => {
    const running = pretending(["sh", "-c", "while true; do echo tick; sleep 5; done"], env);
    const texts: string[] = [];
    for (const { atMs, text } of running) {
      if (text !== undefined) texts.push(`${atMs} ${text}`);
      if (texts.length === 3) break;
    }
    expect(texts).toEqual(["0 tick\n", "5000 tick\n", "10000 tick\n"]);
  });
});
