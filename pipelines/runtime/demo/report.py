"""The demo's report and its checks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.connectors.names import Names
from pipelines.runtime.demo.comparisons import Comparisons
from pipelines.runtime.demo.progress import first_silver_row
from pipelines.runtime.demo.run import DemoRun
from pipelines.runtime.embedded.versions import service_versions
from pipelines.runtime.watching.report import freshness_summary, lake_summary

_WARM_UP = timedelta(seconds=20)


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and what was seen."""

    name: str
    ok: bool
    seen: str


def build_report(run: DemoRun, names: Names) -> dict[str, Any]:
    """The report of a demo; `ok` only if every check holds."""
    address = run.services.postgres.address()
    first = first_silver_row(address, since=run.started_at)
    summary = lake_summary(names, since=run.started_at)
    checks = _checks(run, summary)
    return {
        "ok": all(check.ok for check in checks),
        "started_at": run.started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "first_silver_row_s": (first - run.started_at).total_seconds() if first else None,
        "seconds_until": run.seconds,
        "feed": run.feed,
        **summary,
        "freshness": freshness_summary(address, since=run.started_at),
        "freshness_after_warm_up": freshness_summary(address, since=(first or run.started_at) + _WARM_UP),
        "conservation": run.conservation,
        "oracle": run.compared.rows,
        "attribution": run.compared.credits,
        "settled": run.compared.settled,
        "drills": run.drills,
        "checks": [{"name": c.name, "ok": c.ok, "seen": c.seen} for c in checks],
        "services": service_versions(run.services),
        "page": run.page,
    }


def _checks(run: DemoRun, summary: dict[str, Any]) -> list[Check]:
    acked = sum(run.feed.get("acked", {}).values())
    failed = sum(run.feed.get("failed", {}).values())
    silver = sum(n for table, n in summary["tables"].items() if table.startswith("silver."))
    found = [
        Check("the feed ended well", run.feed_exit_code == 0, run.feed_said or "exit code 0"),
        Check(
            "Kafka acknowledged every record", acked > 0 and failed == 0, f"{acked} acked, {failed} failed"
        ),
        Check(
            "silver, attribution and features cover all of Kafka",
            not any(run.left_behind.values()),
            f"left: {dict(run.left_behind)}",
        ),
        Check("silver has rows", silver > 0, f"{silver} rows"),
        Check("the page answers", run.page_answers, run.page),
        Check(
            "conservation: every bronze position has one fate",
            run.conservation.get("holds") is True,
            _conservation_seen(run.conservation),
        ),
    ]
    found += _comparisons(run.compared)
    if run.drills["armed"]:
        found.append(_drills_check(run.drills))
    if "truth" in run.feed:
        found.append(_dead_letters_check(run.feed["sent_by_reason"], summary["dead_letters"]))
    return found


def _comparisons(compared: Comparisons) -> Iterator[Check]:
    if "holds" in compared.rows:
        seen = _oracle_seen(compared.rows)
        yield Check("every row is as plain Python makes it", compared.rows["holds"], seen)
    for found, when in ((compared.credits, ""), (compared.settled, ", late ones settled")):
        if "holds" in found:
            yield Check(f"every credit is as plain Python gives it{when}", *_attribution_seen(found))
        if found.get("truth"):
            yield Check(f"the first click is the true one{when}", *_truth_seen(found["truth"]))
    if "ok" in compared.features:
        yield Check("every feature is what single events add up to", *_features_seen(compared.features))


def _oracle_seen(oracle: Mapping[str, Any]) -> str:
    wrong = {name: one for name, one in oracle["tables"].items() if one["missing"] or one["extra"]}
    rows = sum(one["rows"] for one in oracle["tables"].values())
    return f"wrong: {wrong}" if wrong else f"{rows} rows of {oracle['records']} records"


def _attribution_seen(found: Mapping[str, Any]) -> tuple[bool, str]:
    wrong = {name: one for name, one in found["tables"].items() if one["missing"] or one["extra"]}
    rows = sum(one["rows"] for one in found["tables"].values())
    left_out = f", {found['late']} late ones left out" if found["late"] else ""
    text = f"wrong: {wrong}" if wrong else f"{rows} rows of {found['orders']} orders{left_out}"
    return not wrong, text


def _features_seen(found: Mapping[str, Any]) -> tuple[bool, str]:
    values = f"{found['values']} values of {found['entities']} entities"
    wrong = f"{found['different']} differ, such as {found['example']}; {found['extra']} entities are extra"
    return found["ok"], values if found["ok"] else wrong


def _truth_seen(truth: Mapping[str, Any]) -> tuple[bool, str]:
    different = truth["different"]
    return not different, f"{truth['orders'] - len(different)} of {truth['orders']} paid orders"


def _drills_check(drills: Mapping[str, Any]) -> Check:
    """Every crash that was planned has happened, and the lake stands all the same."""
    armed, fired = set(drills["armed"]), set(drills["fired"])
    text = f"{len(fired)} of {len(armed)} crashes, the driver started again {drills['driver_restarts']} times"
    return Check("the crashes of the drill happened", armed == fired and drills["driver_restarts"] > 0, text)


def _dead_letters_check(sent: dict[str, int], seen: dict[str, int]) -> Check:
    """The simulator knows what it broke and how; the lake must agree, reason by reason."""
    wrong = {reason: (sent.get(reason, 0), seen.get(reason, 0)) for reason in sent.keys() | seen.keys()}
    wrong = {reason: pair for reason, pair in wrong.items() if pair[0] != pair[1]}
    text = f"{sum(seen.values())} of {len(seen)} reasons" if not wrong else f"sent, seen: {wrong}"
    return Check("dead letters are exactly the records sent broken, by reason", not wrong, text)


def _conservation_seen(conservation: Any) -> str:
    days = conservation.get("days", [])
    if not days:
        return "nothing has landed, or the check gave no result: see streams.log"
    return ", ".join(f"{day['topic']} {day['bronze']}" for day in days)
