/**
 * Mocha's own reporters, and the counts of the run as JSON in the file that XMPP_EDGE_TEST_COUNTS names. `quiet` prints what failed,
 * what was skipped and the counts only.
 */
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

const { Base, Spec } = Mocha.reporters;

export default class CountingReporter extends Base {
  constructor(runner, options) {
    super(runner, options);
    const quiet = options.reporterOption?.quiet !== undefined;
    const shown = quiet ? this : new Spec(runner, options);
    runner.once("end", () => {
      if (quiet) this.epilogue();
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? shown.stats ?? {};
      const skipped = runner.suite === undefined ? [] : pendingTitles(runner.suite);
      const file = process.env.XMPP_EDGE_TEST_COUNTS;
      if (file) writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending, skippedTitles: skipped }));
    });
  }
}

/** A suite that is skipped as a whole is one title, not one a test. */
function pendingTitles(suite) {
  const tests = suite.tests.filter((test) => test.isPending());
  const nested = suite.suites.flatMap(pendingTitles);
  if (suite.tests.length > 0 && tests.length === suite.tests.length && suite.suites.length === 0) return [suite.fullTitle()];
  return [...tests.map((test) => test.fullTitle()), ...nested];
}
