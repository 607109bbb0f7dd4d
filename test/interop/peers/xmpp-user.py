"""A user on an XMPP server, driven by JSON lines: what to send on standard input, what was seen on standard output."""
import asyncio
import json
import sys

import slixmpp


def tell(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class User(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        self["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.seen)
        self.add_event_handler("message_error", self.seen)
        self.add_event_handler("failed_auth", lambda _: sys.exit("wrong password"))

    async def started(self, _):
        self.send_presence()
        tell({"ready": True})
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        asyncio.ensure_future(self.obey(reader))

    async def obey(self, reader):
        async for line in reader:
            order = json.loads(line)
            message = self.make_message(mto=order["to"], mbody=order["body"], mtype=order.get("type", "chat"))
            if "id" in order:
                message["id"] = order["id"]
            message.send()

    def seen(self, message):
        what = {"type": message["type"], "from": str(message["from"]), "id": message["id"], "body": message["body"]}
        if message["type"] == "error":
            what["condition"] = message["error"]["condition"]
            what["text"] = message["error"]["text"]
        tell(what)


user = User(sys.argv[1], sys.argv[2])
user.connect(address=(sys.argv[3], 5222), disable_starttls=True, use_ssl=False)
user.process()
