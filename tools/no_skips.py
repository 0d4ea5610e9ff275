"""A pytest plugin for `make test`: a test that was skipped is a failure that names itself.

A developer may skip what a laptop lacks; the whole check may not, or a service
that no longer starts would look like a service that works.
"""

import pytest


class NoSkips:
    """Collects what was skipped and turns a passing run into a failing one."""

    def __init__(self) -> None:
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test; an expected failure is reported as skipped too and is none."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that skipped itself while it was collected."""
        if report.skipped:
            self._skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that skipped anything."""
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests were skipped."""
        for nodeid in self._skipped:
            terminalreporter.write_line(f"SKIPPED, and `make test` skips nothing: {nodeid}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin's one instance for this run."""
    config.pluginmanager.register(NoSkips(), "no-skips")
