/** Exit codes of the commands. */
export const EXIT = { ok: 0, failure: 1, usage: 64, interrupted: 130 } as const;

/** Something that an administrator can understand and mend: its text is shown as it is, without a stack trace. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failure) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What to show for anything that was thrown: one clear text, and the stack too where XMPP_EDGE_DEBUG=1. */
export function failureText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return process.env.XMPP_EDGE_DEBUG === "1" && error instanceof Error ? `${text}\n${error.stack}` : text;
}
