/**
 * The world of the conformance tests of negotiation: edges with the rows of the settings table as partners, two modes times our
 * certificate accepted or not, and one server that plays every partner.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { MATRIX, type NegotiationMode } from "../../gateway/config/matrix.ts";
import { parseDocument } from "../../gateway/config/parse.ts";
import type { EdgeDocument } from "../../gateway/config/schema.ts";
import { wallClock } from "../../gateway/server/clock.ts";
import type { AttemptRecord, EdgeState, PeerProof, Resolver, XmppSide } from "../../gateway/server/ports.ts";
import { makeXmppSide } from "../../gateway/server/xmpp-side.ts";
import type { XmlElement } from "../../gateway/xmpp/element.ts";
import { type Issued, issue, makeAuthority } from "./certificates.ts";
import { documentInput } from "./edge-document.ts";
import { type Manner, NegotiationPeer } from "./negotiation-peer.ts";
import { eventually } from "./xmpp-world.ts";

const PORT = 15_269;
const NET = "127.84.0";
export const US = "contoso.example";
export const US_TOO = "contoso2.example";
export const domainOf = (row: number): string => `row${row}.example`;
const DOMAINS = MATRIX.flatMap(({ row }) => [domainOf(row), `more.${domainOf(row)}`]);

export const ALL_ROWS: readonly number[] = MATRIX.map(({ row }) => row);

export const EDGE_SECRET = "secret of the edge";

const ours = makeAuthority({ name: "Authority that everybody trusts" });
const CERTIFICATES = {
  valid: issue(ours, { dnsNames: DOMAINS }),
  selfSigned: issue(ours, { dnsNames: DOMAINS, selfSigned: true }),
  ofAnother: issue(ours, { dnsNames: ["woodgrove.example"] }),
  edge: issue(ours, { dnsNames: [US, US_TOO] }),
  edgeOfNobody: issue(makeAuthority({ name: "Authority that nobody trusts" }), { dnsNames: [US, US_TOO] }),
} as const satisfies Record<string, Issued>;

/** Proves every partner's domains. */
export const CERTIFICATE_OF_PARTNERS: Issued = CERTIFICATES.valid;

function certificateOf({ certificate, style }: Manner): Issued | null {
  if (certificate === "none") return null;
  if (certificate === "valid") return CERTIFICATES.valid;
  return style === "polite" ? CERTIFICATES.selfSigned : CERTIFICATES.ofAnother;
}

/** A document with these rows. What the parser refuses, the rows without method, is put in behind its back: the gateway must hold even so. */
function documentWith(mode: NegotiationMode, rows: readonly number[]): EdgeDocument {
  const partners = rows.map((row) => ({ domain: domainOf(row), additionalDomains: [`more.${domainOf(row)}`] }));
  const parsed = parseDocument(
    documentInput({
      sipDomains: [US, US_TOO],
      partners,
      gateway: { negotiationMode: mode, streamEstablishmentTimeout: 5 },
      listen: { xmppPort: PORT },
      xmpp: { useSystemAuthorities: false, trustedAuthorities: [ours.certificatePem] },
    }),
  );
  const settings = new Map(
    MATRIX.map(({ row, tls, sasl, dialback }) => [
      domainOf(row),
      { tlsNegotiation: tls, saslNegotiation: sasl, supportDialbackNegotiation: dialback },
    ]),
  );
  return { ...parsed, partners: parsed.partners.map((partner) => ({ ...partner, ...settings.get(partner.domain) })) };
}

/** An edge with all rows as partners. */
export class Edge {
  readonly address: string;
  readonly side: XmppSide;
  readonly received: { readonly stanza: XmlElement; readonly proof: PeerProof }[] = [];
  readonly #mode: NegotiationMode;
  readonly #identity: Issued;
  #rows = ALL_ROWS;
  #document: EdgeDocument;
  #changes = 0;
  #newest: AttemptRecord | undefined;

  constructor(address: string, mode: NegotiationMode, identity: Issued, resolver: Resolver) {
    this.address = address;
    this.#mode = mode;
    this.#document = documentWith(mode, ALL_ROWS);
    this.#identity = identity;
    this.side = makeXmppSide(
      this.#state(),
      { clock: wallClock, resolver, log: () => {}, bindAddress: address, random: (bytes) => randomBytes(bytes) },
      { onStanza: (stanza, proof) => this.received.push({ stanza, proof }) },
    );
  }

  #state(): EdgeState {
    return { document: this.#document, xmppIdentity: this.#identity, sipIdentity: this.#identity, dialbackSecret: EDGE_SECRET };
  }

  /** These rows are the partners from now on; how long to wait after earlier failures is forgotten, since each one has changed. */
  admit(rows: readonly number[]): void {
    if (rows !== this.#rows) this.#document = documentWith(this.#mode, rows);
    this.#rows = rows;
    const partners = this.#document.partners.map((partner) => ({ ...partner, description: `change ${this.#changes}` }));
    this.#changes++;
    this.#document = { ...this.#document, partners };
    this.side.reload(this.#state());
  }

  /** From now on `attempts` and `received` are those of the next run. */
  mark(): void {
    this.received.length = 0;
    this.#newest = this.side.attempts()[0];
  }

  /** Since the mark, oldest first. */
  attempts(): readonly AttemptRecord[] {
    const all = this.side.attempts();
    const end = this.#newest === undefined ? -1 : all.indexOf(this.#newest);
    return (end === -1 ? all : all.slice(0, end)).toReversed();
  }

  quiet(): Promise<void> {
    return eventually(() => this.side.connections().length === 0, `the end of ${JSON.stringify(this.side.connections())}`);
  }
}

/** A partner with all that there is. */
export const GOOD_MANNER: Manner = { tls: "optional", sasl: "offered", certificate: "valid", dialback: true, style: "polite" };

interface EdgeChoice {
  readonly accepted?: boolean;
  readonly manner?: Manner;
  readonly rows?: readonly number[];
}

/** Four edges, one partner's server that plays all partners. */
export class World {
  readonly peer: NegotiationPeer;
  readonly #edges: ReadonlyMap<string, Edge>;
  /** The edge that DNS leads to just now. */
  #current: Edge;

  constructor() {
    const resolver: Resolver = {
      srv: async (name) => (name.startsWith("_xmpp-server.") ? [{ priority: 0, weight: 0, port: PORT, name: "xmpp.partner.example" }] : []),
      addresses: async () => [`${NET}.100`],
    };
    const edges = (["lync-compat", "strict"] as const).flatMap((mode, index) => [
      [`${mode} true`, new Edge(`${NET}.${1 + 2 * index}`, mode, CERTIFICATES.edge, resolver)] as const,
      [`${mode} false`, new Edge(`${NET}.${2 + 2 * index}`, mode, CERTIFICATES.edgeOfNobody, resolver)] as const,
    ]);
    this.#edges = new Map(edges);
    this.#current = edges[0]?.[1] ?? assert.fail();
    this.peer = new NegotiationPeer(
      { address: `${NET}.100`, port: PORT, certificate: certificateOf, authority: ours.certificatePem, find: () => this.#current.address },
      GOOD_MANNER,
    );
  }

  async start(): Promise<void> {
    await this.peer.listen();
    for (const { side } of this.#edges.values()) await side.start();
  }

  /** The edge of a mode, its certificate accepted or not, with these rows as its partners; everything of the last run is gone. */
  async edge(mode: NegotiationMode, { accepted = true, manner = GOOD_MANNER, rows = ALL_ROWS }: EdgeChoice = {}): Promise<Edge> {
    this.peer.reset(manner);
    await this.#current.quiet();
    this.#current = this.#edges.get(`${mode} ${accepted}`) ?? assert.fail();
    this.#current.admit(rows);
    this.#current.mark();
    return this.#current;
  }

  async stop(): Promise<void> {
    this.peer.stop();
    await Promise.all([...this.#edges.values()].map(({ side }) => side.drain(500)));
  }
}
