-- Never takes up an offer of SASL EXTERNAL, as servers that know dialback only.
module:hook_tag("http://etherx.jabber.org/streams", "features", function (_, features)
	features:remove_children("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl");
end, 400);
