/** The demo's part of the public DNS: what partners and the Lync side publish themselves, and no stack of ours owns. */
import type { WorldRecord } from "./process/state.ts";

/** `net`: first three octets of the sandbox's addresses. NET.2 is the demo partner, NET.3 the demo SIP peer. */
export function demoWorld(net: string): readonly WorldRecord[] {
  return [
    { name: "_xmpp-server._tcp.fabrikam.example", type: "SRV", data: "0 0 5269 xmpp.fabrikam.example" },
    { name: "xmpp.fabrikam.example", type: "A", data: `${net}.2` },
    { name: "_xmpp-server._tcp.public.example", type: "SRV", data: "0 0 5269 xmpp.public.example" },
    { name: "xmpp.public.example", type: "A", data: `${net}.2` },
    { name: "lync.contoso.example", type: "A", data: `${net}.3` },
  ];
}
