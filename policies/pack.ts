/** Starts the policy pack. Making a pack opens its server, so nothing but the engine imports this file. */
import { PolicyPack } from "@pulumi/policy";
import { POLICIES } from "./index.ts";

new PolicyPack("xmpp-edge", { policies: [...POLICIES] });
