"""A quality report as JUnit XML, for continuous integration that shows tests."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as xml

from lc_ibis.declare.invisible import readable

# What XML 1.0 has no place for.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: dict[str, Any]) -> str:
    """Return the report's checks as JUnit XML: a suite a table, a case a check.

    A check of severity error that failed is a failure, a warning passes and says so in its output, and what was
    not run is skipped. A build that ended for another reason is an error of the suite `build`.
    """
    suites = xml.Element("testsuites", name="lc-ibis", time=str(report["seconds"]))
    failures = {(failure["table"], failure["check"]): failure for failure in report["failures"]}
    tables = dict.fromkeys(check["table"] for check in report["checks"])
    for table in tables:
        checks = [check for check in report["checks"] if check["table"] == table]
        suite = _suite(suites, table, checks, report["timestamp"])
        for check in checks:
            case = xml.SubElement(suite, "testcase", classname=table, name=check["check"])
            _add_outcome(case, check, failures.get((table, check["check"])))
    if report["error"] and not report["failed"]:
        suite = _suite(suites, "build", [{"status": "error"}], report["timestamp"])
        case = xml.SubElement(suite, "testcase", classname="build", name="build")
        xml.SubElement(case, "error", message=_clean(report["error"]))
    xml.indent(suites)
    # Written here: of a text, the library would declare the encoding of the machine.
    return f"<?xml version='1.0' encoding='utf-8'?>\n{xml.tostring(suites, encoding='unicode')}\n"


def _suite(suites: xml.Element, name: str, checks: list[dict[str, Any]], timestamp: str) -> xml.Element:
    counts = {
        "tests": len(checks),
        "failures": sum(check["status"] == "fail" for check in checks),
        "errors": sum(check["status"] == "error" for check in checks),
        "skipped": sum(check["status"] == "skip" for check in checks),
    }
    numbers = {name: str(count) for name, count in counts.items()}
    return xml.SubElement(suites, "testsuite", {"name": name, "timestamp": timestamp.removesuffix("Z"), **numbers})


def _add_outcome(case: xml.Element, check: dict[str, Any], failure: dict[str, Any] | None) -> None:
    if check["status"] == "skip":
        xml.SubElement(case, "skipped", message=_clean(check.get("reason", "")))
    elif failure:
        said = f"{failure['count']:,} rows: {failure['meaning']}"
        lines = [", ".join(f"{name}={value}" for name, value in row.items()) for row in failure["examples"]]
        if check["status"] == "fail":
            element = xml.SubElement(case, "failure", message=_clean(said))
            element.text = _clean("\n".join(lines))
        else:
            xml.SubElement(case, "system-out").text = _clean("\n".join([f"warning: {said}", *lines]))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", readable(text, lines=True))
