/** `npm run contacts`: who here has added which public unverified contact, and ending it. */
import { runGateway } from "./gateway.ts";

export const run = (argv: readonly string[]): Promise<number> => runGateway(["contacts", ...argv]);
