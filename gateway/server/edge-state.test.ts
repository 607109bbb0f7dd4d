import assert from "node:assert/strict";
import { issue, makeAuthority } from "../../test/support/certificates.ts";
import { documentInput } from "../../test/support/edge-document.ts";
import { type EdgeSources, type EdgeWatch, watchEdge } from "./edge-state.ts";
import type { Clock, EdgeState } from "./ports.ts";
import { type Source, SourceError } from "./sources.ts";

/** A source whose content the test sets; an Error is thrown instead of read. */
class Told implements Source {
  readonly location: string;
  #content: string | Error;
  #told = false;
  constructor(location: string, content: string | Error) {
    this.location = location;
    this.#content = content;
  }
  set(content: string | Error): void {
    this.#content = content;
    this.#told = false;
  }
  async read() {
    if (this.#content instanceof Error) throw this.#content;
    if (this.#told) return { changed: false } as const;
    this.#told = true;
    return { changed: true, text: this.#content, tag: `tag:${this.#content.length}` } as const;
  }
}

const authority = makeAuthority();
const identityFor = (name: string) => issue(authority, { dnsNames: [name] });
const text = (partners: object[] = []) => JSON.stringify(documentInput({ partners: partners as never }));

const BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

const clock: Clock = { now: () => 1000, after: () => ({ cancel() {} }) };

describe("the state of the edge", () => {
  const xmpp = identityFor("contoso.example");
  const sip = identityFor("xmppgw.contoso.example");
  const sources = () => ({
    document: new Told("edge.json", text()),
    certificate: new Told("certificate.pem", xmpp.certificateChain),
    key: new Told("key", xmpp.privateKey),
    sipCertificate: new Told("sip-certificate.pem", sip.certificateChain),
    sipKey: new Told("sip-key", sip.privateKey),
    dialbackSecret: new Told("dialback", "0123456789abcdef\n"),
  });
  const watch = async (from: EdgeSources) => {
    const states: EdgeState[] = [];
    const events: string[] = [];
    const made: EdgeWatch = await watchEdge(from, {
      clock: { ...clock, after: () => ({ cancel() {} }) },
      log: (what) => events.push(what),
      pollSeconds: 1,
      onState: (state) => states.push(state),
    });
    return { made, states, events };
  };

  it("is made of document, two identities and the secret", async () => {
    const { made } = await watch(sources());
    assert.equal(made.state.document.accessEdgeFqdn, "sip.contoso.example");
    assert.equal(made.state.xmppIdentity.privateKey, xmpp.privateKey);
    assert.equal(made.state.dialbackSecret, "0123456789abcdef");
    assert.equal(made.refusal, null);
  });

  it("changes as a whole when the document changes", async () => {
    const from = sources();
    const { made, states } = await watch(from);
    from.document.set(text([{ domain: "fabrikam.example" }]));
    await made.poll();
    assert.equal(states.length, 1);
    assert.equal(made.state.document.partners[0]?.domain, "fabrikam.example");
    await made.poll();
    assert.equal(states.length, 1, "nothing new, nothing applied");
  });

  it("keeps the old document when the new one is broken, and says why until a good one comes", async () => {
    const from = sources();
    const { made, states, events } = await watch(from);
    from.document.set(text([{ domain: "fabrikam.example", tlsNegotiation: "maybe" }]));
    await made.poll();
    await made.poll();
    assert.equal(states.length, 0);
    assert.deepEqual(made.state.document.partners, []);
    assert.match(made.refusal?.why ?? "", /partners\[0\].tlsNegotiation is "maybe"; expected "required", "optional", "notSupported"/);
    assert.equal(events.filter((event) => event === "state-refused").length, 1, "said once, not at every look");
    from.document.set(text([{ domain: "fabrikam.example" }]));
    await made.poll();
    assert.equal(made.refusal, null);
    assert.equal(states.length, 1);
  });

  it("waits for the certificate that belongs to a new key before it takes either", async () => {
    const from = sources();
    const { made, states } = await watch(from);
    const renewed = identityFor("contoso.example");
    from.key.set(renewed.privateKey);
    await made.poll();
    assert.equal(states.length, 0);
    assert.match(made.refusal?.why ?? "", /does not belong to the private key/);
    assert.equal(made.refusal?.source, "certificate.pem");
    from.certificate.set(renewed.certificateChain);
    await made.poll();
    assert.equal(states.length, 1);
    assert.equal(made.state.xmppIdentity.certificateChain, renewed.certificateChain);
  });

  it("keeps what it has while a source cannot be read, and forgets the refusal when it can again", async () => {
    const from = sources();
    const { made } = await watch(from);
    from.certificate.set(new SourceError("certificate.pem", "answered 503", true));
    await made.poll();
    assert.match(made.refusal?.why ?? "", /cannot be read: certificate.pem: answered 503/);
    from.certificate.set(xmpp.certificateChain);
    await made.poll();
    assert.equal(made.refusal, null);
  });

  it("does not begin on a broken document", async () => {
    const from = sources();
    from.document.set("{");
    await assert.rejects(watch(from), /edge document has 1 problem:\n.*not JSON/);
  });

  it("does not begin with a certificate of another key", async () => {
    const from = sources();
    from.sipKey.set(xmpp.privateKey);
    await assert.rejects(watch(from), /does not belong to the private key/);
  });

  it("does not begin with a secret that can be guessed", async () => {
    const from = sources();
    from.dialbackSecret.set("short");
    await assert.rejects(watch(from), /fewer than 16 characters/);
  });

  it("does not wait for a source that will not come by waiting", async () => {
    const from = sources();
    from.key.set(new SourceError("key", "no such file", false));
    await assert.rejects(watch(from), /key: no such file/);
  });

  it("has further certificates, each with its key, and changes one without the others", async () => {
    const second = identityFor("litware.example");
    const pair = { certificate: new Told("second.pem", second.certificateChain), key: new Told("second-key", second.privateKey) };
    const from = { ...sources(), further: [pair] };
    const { made, states } = await watch(from);
    assert.deepEqual(made.state.furtherIdentities, [{ certificateChain: second.certificateChain, privateKey: second.privateKey }]);
    const renewed = identityFor("litware.example");
    pair.certificate.set(renewed.certificateChain);
    await made.poll();
    assert.equal(states.length, 0);
    assert.deepEqual([made.refusal?.source, made.refusal?.why], ["second.pem", "the certificate does not belong to the private key"]);
    pair.key.set(renewed.privateKey);
    await made.poll();
    assert.equal(states[0]?.furtherIdentities?.[0]?.certificateChain, renewed.certificateChain);
    assert.equal(states[0]?.xmppIdentity.certificateChain, xmpp.certificateChain);
  });

  it("warns of a further certificate that is for no SIP domain", async () => {
    const stray = identityFor("stray.example");
    const used = identityFor("contoso.example");
    const further = [used, stray].map(({ certificateChain, privateKey }, index) => ({
      certificate: new Told(`${index}.pem`, certificateChain),
      key: new Told(`${index}-key`, privateKey),
    }));
    const { made } = await watch({ ...sources(), further });
    assert.deepEqual(made.warnings, [
      { path: "certificates[1]", text: "it is made out to stray.example, which is no SIP domain of this edge: it is not served" },
    ]);
  });

  for (const [what, changes, why] of [
    [
      "an authority of partners",
      { xmpp: { trustedAuthorities: [BROKEN] } },
      /^xmpp\.trustedAuthorities\[0\] cannot be used: block 1: does not hold/,
    ],
    [
      "an authority of one partner",
      { partners: [{ domain: "a.example", trustedAuthorities: [authority.certificatePem, BROKEN] }] },
      /^partners\[0\]\.trustedAuthorities\[1\] cannot be used/,
    ],
    [
      "a revocation list",
      { xmpp: { crls: [BROKEN.replaceAll("CERTIFICATE", "X509 CRL")] } },
      /^xmpp\.crls\[0\] cannot be used: the list cannot be read/,
    ],
  ] as const) {
    it(`refuses ${what} that has the form of one and is none`, async () => {
      const from = sources();
      const { made, states } = await watch(from);
      from.document.set(JSON.stringify(documentInput(changes as never)));
      await made.poll();
      assert.equal(states.length, 0);
      assert.match(made.refusal?.why ?? "", why);
    });
  }

  it("waits at the start for a source that may still come", async () => {
    const from = sources();
    from.key.set(new SourceError("key", "answered 403", true));
    const waits: number[] = [];
    const made = await watchEdge(from, {
      clock: {
        now: () => 0,
        after(milliseconds, act) {
          waits.push(milliseconds);
          from.key.set(xmpp.privateKey);
          if (waits.length === 1) queueMicrotask(act);
          return { cancel() {} };
        },
      },
      log: () => {},
      pollSeconds: 7,
      onState: () => {},
    });
    assert.deepEqual(waits, [2000, 7000]);
    made.stop();
  });
});
