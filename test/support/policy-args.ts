/** Arguments that the engine would hand to a rule, and the messages that the rule answers with. */
import type {
  PolicyResource,
  PolicyResourceOptions,
  ResourceValidation,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";

export interface Declared {
  readonly type: string;
  readonly name?: string;
  readonly props: Record<string, unknown>;
}

const OPTIONS: PolicyResourceOptions = {
  protect: false,
  ignoreChanges: [],
  aliases: [],
  customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
  additionalSecretOutputs: [],
};

/** A rule that calls one of these asks for what these tests do not stand in for. */
const notHere = (): never => {
  throw new Error("not part of the test's arguments");
};

const common = ({ type, name = "resource", props }: Declared) => ({
  type,
  name,
  props,
  urn: `urn:pulumi:test::xmpp-edge::${type}::${name}`,
  opts: OPTIONS,
  isType: notHere,
  asType: notHere,
});

const shared = { stackTags: new Map<string, string>(), getConfig: notHere, notApplicable: notHere };

/** What a rule reports of one resource. */
export async function reportsOf(policy: ResourceValidationPolicy, resource: Declared): Promise<string[]> {
  const reports: string[] = [];
  const args: ResourceValidationArgs = { ...common(resource), ...shared };
  for (const validate of [policy.validateResource].flat().filter((rule): rule is ResourceValidation => rule !== undefined)) {
    await validate(args, (message) => reports.push(message));
  }
  return reports;
}

/** What a rule reports of a whole stack, each with the resource's name. */
export async function stackReportsOf(policy: StackValidationPolicy, declared: readonly Declared[]): Promise<string[]> {
  const reports: string[] = [];
  const resources: PolicyResource[] = declared.map((resource) => ({ ...common(resource), dependencies: [], propertyDependencies: {} }));
  await policy.validateStack({ resources, ...shared }, (message, urn) => reports.push(`${urn?.split("::").at(-1) ?? "stack"}: ${message}`));
  return reports;
}
