-- Takes every message to a bare address and counts it; at the one whose id is "last" it writes the count and begins anew.
local file = module:get_option_string("bench_count_file");
local count = 0;

local function write(text)
	local out = io.open(file .. ".new", "w");
	if not out then return; end
	out:write(text);
	out:close();
	os.rename(file .. ".new", file);
end

module:hook("message/bare", function (event)
	count = count + 1;
	if event.stanza.attr.id == "last" then
		write(tostring(count));
		count = 0;
	end
	return true;
end, 1000);
