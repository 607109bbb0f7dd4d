/** INVITE of ours: offer, answer, ACK, and what is left over of forks and late answers. */

import type { NewRequest } from "../sip/compose.ts";
import { asClient, type Dialog, keyOf, nextRequest } from "../sip/dialogs.ts";
import { isCallId } from "../sip/grammar.ts";
import { ALLOW } from "../sip/judge.ts";
import type { ReceivedResponse } from "../sip/parse.ts";
import { carriesMessages, offer, readMedia } from "../sip/sdp.ts";
import type { SipAnswer, Timer } from "./ports.ts";
import { answerOf, type Client, failedAnswer } from "./sip-client.ts";
import type { Connection } from "./sip-connection.ts";
import { contactOf, madeHere, type SipContext } from "./sip-context.ts";
import { messageParts, type OutgoingText } from "./sip-texts.ts";

export type Invited = { readonly ok: true; readonly dialog: Dialog } | { readonly ok: false; readonly answer: SipAnswer };

const failed = (answer: SipAnswer): Invited => ({ ok: false, answer });

/** Longest Call-ID that a thread may become; Lync keeps them in its archive. */
const CALL_ID_LENGTH = 255;

export const callIdFor = (context: SipContext, thread: string | null): string =>
  thread !== null && thread.length <= CALL_ID_LENGTH && isCallId(thread) ? thread : context.names.callId();

/** From of our requests. Whether it names the instance is the dialect's. */
export const fromOf = (context: SipContext, { text, local }: OutgoingText): string =>
  `<${context.dialect.gruuInFrom ? text.from : local}>;tag=${context.names.tag()}`;

/** Opens an IM session for the text, with that Call-ID. The text itself is sent inside it, later. */
export async function invite(context: SipContext, client: Client, outgoing: OutgoingText, callId: string): Promise<Invited> {
  const connection = await client.connect(client.nextHop());
  if ("status" in connection) return failed(connection);
  return new Promise((resolve) => new Invitation({ context, client, outgoing, callId, connection, resolve }).start());
}

interface InvitationParts {
  readonly context: SipContext;
  readonly client: Client;
  readonly outgoing: OutgoingText;
  readonly callId: string;
  readonly connection: Connection;
  readonly resolve: (invited: Invited) => void;
}

class Invitation {
  readonly #parts: InvitationParts;
  /** The ACK of each 2xx, by dialog: a repeated 2xx gets it again (RFC 3261 13.2.2.4). */
  readonly #acks = new Map<string, NewRequest>();
  #settled = false;
  #timer: Timer | null = null;

  constructor(parts: InvitationParts) {
    this.#parts = parts;
  }

  start(): void {
    const { context, client, connection } = this.#parts;
    const timer = context.surroundings.clock.after(context.limits.invite, () => {
      this.#settle(failed(madeHere(504, "The session was not answered in time")));
      transaction?.cancel();
    });
    this.#timer = timer;
    const transaction = client.start(this.#request(), connection, {
      onResponse: (received) => this.#onResponse(received),
      onFailed: (why) => this.#settle(failed(failedAnswer(why))),
    });
    if (transaction === null) this.#settle(failed(madeHere(503, "Too many requests are waiting")));
  }

  #request(): NewRequest {
    const { context, client, outgoing, callId, connection } = this.#parts;
    const { headers = [] } = messageParts(outgoing.text);
    return {
      ...client.own(),
      method: "INVITE",
      uri: outgoing.text.to,
      from: fromOf(context, outgoing),
      to: `<${outgoing.text.to}>`,
      callId,
      cseq: 1,
      headers: [
        contactOf(context),
        ["Allow", ALLOW],
        ...headers.filter(([name]) => name === "Subject"),
        ["Content-Type", "application/sdp"],
      ],
      body: offer({ address: connection.localHost }, context.dialect),
    };
  }

  #onResponse(received: ReceivedResponse): void {
    const { status } = received.message;
    if (status >= 300) this.#settle(failed(answerOf(received)));
    else if (status >= 200) this.#onSuccess(received);
  }

  #onSuccess(received: ReceivedResponse): void {
    const made = asClient(received);
    if (made.ok) this.#onDialog(received, made.value);
    else this.#settle(failed(madeHere(500, `The answer to INVITE cannot make a dialog: ${made.fault.what}`)));
  }

  /** Each 2xx gets its ACK. The first makes the session; those of other forks, and what comes too late, are ended at once. */
  #onDialog(received: ReceivedResponse, dialog: Dialog): void {
    const { client } = this.#parts;
    const key = keyOf(dialog);
    const ack = this.#acks.get(key) ?? nextRequest(dialog, "ACK", client.own(), [], received.essentials.cseq.number).parts;
    const isRepeated = this.#acks.has(key);
    this.#acks.set(key, ack);
    void client.sendOnce(ack, client.hopOf(dialog));
    if (isRepeated) return;
    const refused = this.#refusedMedia(received);
    if (this.#settled || refused !== null) this.#hangUp(dialog);
    this.#settle(refused === null ? { ok: true, dialog } : failed(refused));
  }

  /** A 2xx whose description refuses the media opens nothing. One without a description is taken. */
  #refusedMedia(received: ReceivedResponse): SipAnswer | null {
    if (received.message.body.length === 0) return null;
    const media = readMedia(received.message.body);
    if (media.ok && carriesMessages(media.value, this.#parts.context.dialect)) return null;
    return { status: 488, reason: "The session was answered without messages" };
  }

  #hangUp(dialog: Dialog): void {
    const { client } = this.#parts;
    void client.ask(nextRequest(dialog, "BYE", client.own()).parts, client.hopOf(dialog));
  }

  #settle(invited: Invited): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer?.cancel();
    this.#parts.resolve(invited);
  }
}
