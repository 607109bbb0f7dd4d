-- Says in the log how each stream with another server was authenticated: the other side's word on what the gateway claims.
module:hook("s2s-authenticated", function (event)
	local session = event.session;
	module:log("info", "witness %s %s %s", session.direction, event.mechanism, session.secure and "tls" or "tcp");
end, 10);
