/** Component inputs -> checked values, with every problem in one error. */
import * as pulumi from "@pulumi/pulumi";
import { ConfigurationError } from "../gateway/config/parse.ts";

/**
 * Checks a component's inputs. What is known when the component is made is checked at once, so that nothing is registered;
 * what other resources must first tell is checked as soon as it is known.
 *
 * @throws InputPropertiesError with every problem, where the inputs are plain values.
 */
export function checked<T>(component: pulumi.Resource, inputs: object, check: (value: unknown) => T): pulumi.Output<T> {
  if (isPlain(inputs)) checkNow(inputs, check);
  return pulumi.output(inputs).apply((value) => {
    try {
      return check(value);
    } catch (error) {
      throw error instanceof ConfigurationError ? new pulumi.ResourceError(error.message, component, true) : error;
    }
  });
}

function checkNow<T>(value: unknown, check: (value: unknown) => T): void {
  try {
    check(value);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new pulumi.InputPropertiesError({
      message: error.message,
      errors: error.problems.map(({ path, value, allowed }) => ({ propertyPath: path, reason: `is ${value}; ${allowed}` })),
    });
  }
}

/** Whether a value can be read now: no Output or Promise in it. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return false;
  return Object.values(value).every(isPlain);
}
