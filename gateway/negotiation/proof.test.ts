import assert from "node:assert/strict";
import fc from "fast-check";
import type { Method } from "../config/matrix.ts";
import { proveByDialback, proveByExternal } from "./proof.ts";

const anyMethods = fc.subarray<Method>(["sasl-over-tls", "tls-dialback", "tcp-dialback"]).map((methods) => new Set(methods));
const pair = { partnerDomain: "fabrikam.example", localDomain: "contoso.example" };

describe("proofs of a peer", () => {
  it("EXTERNAL proves only with TLS, a valid certificate, success, and the method in the row", () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom("none", "invalid", "valid"),
        anyMethods,
        (tls, succeeded, certificate, methods) => {
          const proof = proveByExternal({ ...pair, tls, succeeded, certificate, methods });
          assert.equal(proof !== null, tls && succeeded && certificate === "valid" && methods.has("sasl-over-tls"));
        },
      ),
    );
  });

  it("dialback proves only with the answer to our own request, by the method that the stream's TLS makes it", () => {
    const name = fc.constantFrom("fabrikam.example", "contoso.example", "evil.example", null);
    const type = fc.constantFrom("valid", "invalid", "error", undefined);
    const id = fc.constantFrom("1", "2", null);
    fc.assert(
      fc.property(name, name, id, type, fc.boolean(), anyMethods, (from, to, answerId, answerType, tls, methods) => {
        const expected = { type: "valid", from: "fabrikam.example", to: "contoso.example", id: "1" };
        const proof = proveByDialback({ ...pair, tls, methods, expected, answer: { type: answerType, from, to, id: answerId } });
        const ours = answerType === "valid" && from === "fabrikam.example" && to === "contoso.example" && answerId === "1";
        assert.equal(proof !== null, ours && methods.has(tls ? "tls-dialback" : "tcp-dialback"));
        if (proof) assert.equal(proof.by, tls ? "tls-dialback" : "tcp-dialback");
      }),
    );
  });

  it("a request that was never made has no answer", () => {
    const nothing = { type: "valid", from: null, to: null, id: null };
    assert.equal(proveByDialback({ ...pair, tls: false, methods: new Set(["tcp-dialback"]), expected: nothing, answer: nothing }), null);
  });
});
