/**
 * What the users of a partner may do: Lync's three partner types ("Configure XMPP gateway on Lync Server 2013", step
 * "Partner type"). Where another of Microsoft's pages words them differently, this page counts.
 */
import type { PartnerType } from "../config/schema.ts";

/** What a partner's user may want of a user here. */
export const WISHES = ["seePresence", "sendMessage", "seeNote"] as const;
export type Wish = (typeof WISHES)[number];

/** `ifContact`: only when the user here has added the partner's user. */
export type Grant = "always" | "ifContact" | "never";

// biome-ignore format: the page's three paragraphs, one a line
export const GRANTS = {
  //                   see presence              send message              see status note
  federated:        { seePresence: "always",    sendMessage: "always",    seeNote: "always" },
  publicVerified:   { seePresence: "always",    sendMessage: "always",    seeNote: "never"  },
  publicUnverified: { seePresence: "ifContact", sendMessage: "ifContact", seeNote: "never"  },
} as const satisfies Record<PartnerType, Record<Wish, Grant>>;
