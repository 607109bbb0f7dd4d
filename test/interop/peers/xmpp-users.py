"""Users on one XMPP server, driven by JSON lines: what to send on standard input, what was seen on standard output.

Arguments: address of the server, password of all users, one JID each.
"""
import asyncio
import json
import sys

import slixmpp

ADDRESS, PASSWORD, *JIDS = sys.argv[1:]


def tell(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class User(slixmpp.ClientXMPP):
    def __init__(self, jid):
        super().__init__(jid, PASSWORD)
        self["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.seen)
        self.add_event_handler("message_error", self.seen)
        self.add_event_handler("failed_auth", lambda _: sys.exit(f"{jid}: wrong password"))

    async def started(self, _):
        self.send_presence()
        tell({"ready": self.boundjid.bare})

    def obey(self, order):
        message = self.make_message(mto=order["to"], mbody=order["body"], mtype=order.get("type", "chat"))
        if "id" in order:
            message["id"] = order["id"]
        message.send()

    def seen(self, message):
        what = {"by": self.boundjid.bare, "type": message["type"], "from": str(message["from"]), "id": message["id"], "body": message["body"]}
        if message["type"] == "error":
            what["condition"] = message["error"]["condition"]
            what["text"] = message["error"]["text"]
        tell(what)


async def main():
    users = {jid: User(jid) for jid in JIDS}
    for user in users.values():
        user.connect(address=(ADDRESS, 5222), disable_starttls=True, use_ssl=False)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        order = json.loads(line)
        users[order["by"]].obey(order)


asyncio.get_event_loop().run_until_complete(main())
