/** Ends the script, or one in parentheses. */
export class ShellExit extends Error {}

/** Ends a loop, or this turn of it. */
export class LoopJump extends Error {
  readonly isBreak: boolean;

  constructor(isBreak: boolean) {
    super();
    this.isBreak = isBreak;
  }
}

/** It comes to no end. */
export class Endless extends Error {}
