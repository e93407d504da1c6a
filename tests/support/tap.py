# SPDX-License-Identifier: Apache-2.0
"""Test results as TAP on stdout: the Python twin of tests/support/tap.h."""


class Tap:
    def __init__(self):
        self.count = 0
        self.failures = 0

    def check(self, passed, name, *details):
        """One check; the details are printed when it fails. Returns |passed|."""
        self.count += 1
        self.failures += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}")
        if not passed:
            for detail in details:
                for line in str(detail).splitlines():
                    print(f"#   {line}")
        return passed

    def none(self, findings, name):
        """Passes when the list of findings is empty; prints them otherwise."""
        return self.check(not findings, name, *findings)

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}")

    def done(self):
        """Ends the test: the plan, and the exit status."""
        print(f"1..{self.count}", flush=True)
        return int(self.failures != 0)
