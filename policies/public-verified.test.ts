import assert from "node:assert/strict";
import { PARTNER_TYPES } from "../gateway/config/schema.ts";
import { reportsOf } from "../test/support/policy-args.ts";
import { COMPONENTS } from "./component-inputs.ts";
import { publicVerified } from "./public-verified.ts";

const reports = (partner: Record<string, unknown>) =>
  reportsOf(publicVerified, { type: COMPONENTS.partnerConfiguration, props: { partners: [{ domain: "public.example", ...partner }] } });

describe("policy public-verified", () => {
  it("fires for a public verified partner", async () => {
    assert.deepEqual(await reports({ partnerType: "publicVerified" }), [
      "partner public.example: partnerType publicVerified is not recommended",
    ]);
  });

  it("stays quiet on the other types and on the default", async () => {
    for (const partnerType of PARTNER_TYPES.filter((type) => type !== "publicVerified"))
      assert.deepEqual(await reports({ partnerType }), []);
    assert.deepEqual(await reports({}), []);
  });
});
