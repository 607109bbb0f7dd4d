import assert from "node:assert/strict";
import { CAPS_INFO_NODE, capsElement, verificationString } from "../xmpp/caps.ts";
import { childElements, element } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { answerIq } from "./iq.ts";

describe("entity capabilities", () => {
  it("has the value of the standard's example", () => {
    const features = [NS.caps, NS.discoInfo, NS.discoItems, "http://jabber.org/protocol/muc"];
    assert.equal(verificationString({ category: "client", type: "pc", name: "Exodus 0.9.1" }, features), "QgayPKawpkPSDYmwT/WM94uAlu0=");
  });

  it("stands for the answer to disco#info, asked for by its node or without one", () => {
    const ask = (node?: string) =>
      answerIq(
        element(
          NS.server,
          "iq",
          { from: "romeo@fabrikam.example", to: "contoso.example", id: "1", type: "get" },
          element(NS.discoInfo, "query", { node }),
        ),
      ) ?? assert.fail();
    for (const node of [undefined, CAPS_INFO_NODE]) {
      const [query] = childElements(ask(node));
      assert.equal(query?.attributes.get("node"), node);
      const [identity, ...features] = childElements(query ?? assert.fail());
      const { category = "", type = "" } = Object.fromEntries(identity?.attributes ?? []);
      const ver = verificationString(
        { category, type },
        features.map(({ attributes }) => attributes.get("var") ?? ""),
      );
      assert.equal(ver, capsElement().attributes.get("ver"));
    }
    assert.equal(ask("urn:xmpp-edge#other").attributes.get("type"), "error");
  });
});
