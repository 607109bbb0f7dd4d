/** Namespace names, each with the document that defines it. */
// biome-ignore format: one name a line
export const NS = {
  // RFC 6120
  server:         "jabber:server",
  client:         "jabber:client",
  streams:        "http://etherx.jabber.org/streams",
  streamErrors:   "urn:ietf:params:xml:ns:xmpp-streams",
  stanzaErrors:   "urn:ietf:params:xml:ns:xmpp-stanzas",
  tls:            "urn:ietf:params:xml:ns:xmpp-tls",
  sasl:           "urn:ietf:params:xml:ns:xmpp-sasl",
  // XML 1.0, Namespaces in XML 1.0 section 3
  xml:            "http://www.w3.org/XML/1998/namespace",
  xmlns:          "http://www.w3.org/2000/xmlns/",
  // Extensions
  dialback:       "jabber:server:dialback",               // XEP-0220
  dialbackFeature: "urn:xmpp:features:dialback",          // XEP-0220 section 2.3.1
  bidi:           "urn:xmpp:bidi",                        // XEP-0288
  bidiFeature:    "urn:xmpp:features:bidi",               // XEP-0288
  sm:             "urn:xmpp:sm:3",                        // XEP-0198
  limits:         "urn:xmpp:stream-limits:0",             // XEP-0478
  discoInfo:      "http://jabber.org/protocol/disco#info",  // XEP-0030
  discoItems:     "http://jabber.org/protocol/disco#items", // XEP-0030
  caps:           "http://jabber.org/protocol/caps",      // XEP-0115
  ping:           "urn:xmpp:ping",                        // XEP-0199
  chatStates:     "http://jabber.org/protocol/chatstates", // XEP-0085
  receipts:       "urn:xmpp:receipts",                    // XEP-0184
  delay:          "urn:xmpp:delay",                       // XEP-0203
  hints:          "urn:xmpp:hints",                       // XEP-0334
  xhtmlIm:        "http://jabber.org/protocol/xhtml-im",  // XEP-0071
} as const satisfies Readonly<Record<string, string>>;
