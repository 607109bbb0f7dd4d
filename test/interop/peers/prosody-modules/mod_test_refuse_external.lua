-- Offers SASL EXTERNAL and then refuses it, as a server does whose policy is stricter than its offer. test_refuse_external:
-- "stay" leaves the stream open for dialback, "close" ends it (XEP-0178 section 3 allows both).
local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
local closes = module:get_option_string("test_refuse_external", "stay") == "close";

module:hook("stanza/" .. xmlns_sasl .. ":auth", function (event)
	local session = event.origin;
	if session.type ~= "s2sin_unauthed" then return; end
	session.sends2s("<failure xmlns='" .. xmlns_sasl .. "'><not-authorized/></failure>");
	if closes then session:close(); end
	return true;
end, 10);
