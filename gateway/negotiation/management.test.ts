import assert from "node:assert/strict";
import fc from "fast-check";
import { element } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import {
  ackElement,
  acknowledgedBy,
  ahead,
  enabledElement,
  enableElement,
  failedElement,
  next,
  readManagement,
  requestElement,
  resumedElement,
  resumeElement,
} from "./management.ts";

const counter = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe("stream management", () => {
  it("reads what it writes", () => {
    assert.equal(readManagement(enableElement())?.resume, true);
    assert.deepEqual(
      [enabledElement("here", 120), enabledElement(null, 120)].map((made) => {
        const { id, max, resume } = readManagement(made) ?? assert.fail();
        return { id, max, resume };
      }),
      [
        { id: "here", max: 120, resume: true },
        { id: null, max: null, resume: false },
      ],
    );
    for (const made of [resumeElement("here", 7), resumedElement("here", 7)]) {
      assert.deepEqual([readManagement(made)?.previd, readManagement(made)?.h], ["here", 7]);
    }
    assert.deepEqual(
      [readManagement(failedElement("item-not-found", 3))?.condition, readManagement(failedElement("item-not-found", 3))?.h],
      ["item-not-found", 3],
    );
    assert.equal(readManagement(failedElement("unexpected-request"))?.h, null);
    assert.equal(readManagement(requestElement())?.name, "r");
    assert.equal(readManagement(ackElement(4_294_967_295))?.h, 4_294_967_295);
    assert.equal(readManagement(element(NS.ping, "ping")), null);
  });

  it("takes no number that is none of 32 bits, and no endless name", () => {
    for (const h of ["", "-1", "1.5", "0x1", "4294967296", "99999999999999999999", " 1"]) {
      assert.equal(readManagement(element(NS.sm, "a", { h }))?.h, null, h);
    }
    assert.equal(readManagement(element(NS.sm, "resume", { h: "0", previd: "x".repeat(4001) }))?.previd, null);
    assert.equal(readManagement(element(NS.sm, "failed"))?.condition, "undefined-condition");
  });

  it("counts over the end of its counters", () => {
    assert.equal(next(4_294_967_295), 0);
    fc.assert(
      fc.property(counter, fc.nat(1000), fc.nat(1000), (acknowledged, waiting, handled) => {
        const expected = handled <= waiting ? handled : null;
        assert.equal(acknowledgedBy(ahead(acknowledged, handled), acknowledged, waiting), expected);
      }),
    );
  });

  it("takes an old acknowledgement for one that is too high", () => assert.equal(acknowledgedBy(4, 5, 10), null));
});
