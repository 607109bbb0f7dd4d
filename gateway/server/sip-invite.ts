/** INVITE of ours: offer, answer, ACK, and what is left over of forks and late answers. */

import type { NewRequest } from "../sip/compose.ts";
import { asClient, type Dialog, keyOf, nextRequest } from "../sip/dialogs.ts";
import { isCallId } from "../sip/grammar.ts";
import { ALLOW } from "../sip/judge.ts";
import type { ReceivedResponse } from "../sip/parse.ts";
import { carriesMessages, offer, readMedia } from "../sip/sdp.ts";
import type { SipAnswer, Timer } from "./ports.ts";
import { answerOf, type Client, failedAnswer, type Tried } from "./sip-client.ts";
import type { Connection } from "./sip-connection.ts";
import { contactOf, madeHere, type SipContext, stopping } from "./sip-context.ts";
import { messageParts, type OutgoingText } from "./sip-texts.ts";
import type { ClientTransaction } from "./sip-transaction.ts";
import type { Hop } from "./sip-transport.ts";

/** `via`: name of the peer over which the dialog was made. */
export type Invited =
  | { readonly ok: true; readonly dialog: Dialog; readonly via: string }
  | { readonly ok: false; readonly answer: SipAnswer };

const failed = (answer: SipAnswer): Invited => ({ ok: false, answer });

/** Longest Call-ID that a thread may become; Lync keeps them in its archive. */
const CALL_ID_LENGTH = 255;

export const callIdFor = (context: SipContext, thread: string | null): string =>
  thread !== null && thread.length <= CALL_ID_LENGTH && isCallId(thread) ? thread : context.names.callId();

/** From of our requests. Whether it names the instance is the dialect's. */
export const fromOf = (context: SipContext, { text, local }: OutgoingText): string =>
  `<${context.dialect.gruuInFrom ? text.from : local}>;tag=${context.names.tag()}`;

/** An INVITE under way. */
export interface Inviting {
  /** Ends it by CANCEL, or by BYE where it was answered meanwhile; settles when it is over. */
  cancel(): Promise<void>;
}

/**
 * Opens an IM session for the text, with that Call-ID. The text itself is sent inside it, later.
 * @param underWay where the INVITE stands until it is over
 */
export function invite(
  context: SipContext,
  client: Client,
  outgoing: OutgoingText,
  callId: string,
  underWay: Set<Inviting>,
): Promise<Invited> {
  const from = fromOf(context, outgoing);
  const act = async (connection: Connection, hop: Hop): Promise<Tried<Invited>> => {
    if (context.isDraining()) return { value: failed(stopping()), again: false };
    const invitation = new Invitation({ context, client, outgoing, callId, from, connection, hop });
    underWay.add(invitation);
    void invitation.over.then(() => underWay.delete(invitation));
    return invitation.start();
  };
  return client.firstOf(client.hops.usable(), act, failed);
}

interface InvitationParts {
  readonly context: SipContext;
  readonly client: Client;
  readonly outgoing: OutgoingText;
  readonly callId: string;
  readonly from: string;
  readonly connection: Connection;
  readonly hop: Hop;
}

class Invitation implements Inviting {
  readonly #parts: InvitationParts;
  /** The ACK of each 2xx, by dialog: a repeated 2xx gets it again (RFC 3261 13.2.2.4). */
  readonly #acks = new Map<string, NewRequest>();
  readonly #invited = Promise.withResolvers<Tried<Invited>>();
  readonly #over = Promise.withResolvers<void>();
  #settled = false;
  #timer: Timer | null = null;
  #transaction: ClientTransaction | null = null;

  constructor(parts: InvitationParts) {
    this.#parts = parts;
  }

  /** Settles with the final answer, or when nothing more can come. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  start(): Promise<Tried<Invited>> {
    const { context, client, connection, hop } = this.#parts;
    const { invite: wait } = context.limits;
    this.#timer = context.surroundings.clock.after(wait, () => this.#giveUp(madeHere(504, "The session was not answered in time")));
    this.#transaction = client.start(this.#request(), connection, hop, {
      onResponse: (received) => this.#onResponse(received),
      onFailed: (why) => this.#end(failed(failedAnswer(why)), why === "unsent"),
    });
    if (this.#transaction === null) this.#end(failed(madeHere(503, "Too many requests are waiting")));
    return this.#invited.promise;
  }

  cancel(): Promise<void> {
    this.#giveUp(stopping());
    return this.over;
  }

  #giveUp(answer: SipAnswer): void {
    this.#settle(failed(answer));
    this.#transaction?.cancel();
  }

  #request(): NewRequest {
    const { context, client, outgoing, callId, from, connection } = this.#parts;
    const { headers = [] } = messageParts(outgoing.text);
    return {
      ...client.own(),
      method: "INVITE",
      uri: outgoing.text.to,
      from,
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
    if (status >= 300) this.#end(failed(answerOf(received)), status === 503);
    else if (status >= 200) this.#onSuccess(received);
  }

  #onSuccess(received: ReceivedResponse): void {
    const made = asClient(received);
    if (made.ok) this.#onDialog(received, made.value);
    else this.#end(failed(madeHere(500, `The answer to INVITE cannot make a dialog: ${made.fault.what}`)));
  }

  /** Each 2xx gets its ACK. The first makes the session; those of other forks, and what comes too late, are ended at once. */
  #onDialog(received: ReceivedResponse, dialog: Dialog): void {
    const { client, connection } = this.#parts;
    const key = keyOf(dialog);
    const ack = this.#acks.get(key) ?? nextRequest(dialog, "ACK", client.own(), [], received.essentials.cseq.number).parts;
    const isRepeated = this.#acks.has(key);
    this.#acks.set(key, ack);
    void client.sendOnce(ack, dialog, connection.peer.fqdn);
    if (isRepeated) return;
    const refused = this.#refusedMedia(received);
    const hungUp = this.#settled || refused !== null ? this.#hangUp(dialog) : Promise.resolve();
    this.#settle(refused === null ? { ok: true, dialog, via: connection.peer.fqdn } : failed(refused));
    void hungUp.then(() => this.#over.resolve());
  }

  /** A 2xx whose description refuses the media opens nothing. One without a description is taken. */
  #refusedMedia(received: ReceivedResponse): SipAnswer | null {
    if (received.message.body.length === 0) return null;
    const media = readMedia(received.message.body);
    if (media.ok && carriesMessages(media.value, this.#parts.context.dialect)) return null;
    return { status: 488, reason: "The session was answered without messages" };
  }

  async #hangUp(dialog: Dialog): Promise<void> {
    const { client, connection } = this.#parts;
    await client.askInside(nextRequest(dialog, "BYE", client.own()).parts, dialog, connection.peer.fqdn);
  }

  /** Nothing more comes. */
  #end(invited: Invited, again = false): void {
    this.#settle(invited, again);
    this.#over.resolve();
  }

  #settle(value: Invited, again = false): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer?.cancel();
    this.#invited.resolve({ value, again });
  }
}
