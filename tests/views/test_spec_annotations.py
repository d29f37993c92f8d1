"""The lens, the hint and the finding of each state of a task, compared whole with the text a user sees."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bursar.domain.instructions import Part
from bursar.domain.moments import Here
from bursar.domain.money.forecast import Room, forecast_task
from bursar.domain.money.past import Known, PastTask
from bursar.domain.money.prior import Prior
from bursar.domain.money.usage import Usage
from bursar.domain.resuming import NextRequest, Resumable, TooSmall
from bursar.domain.runs import RequestRow, RunRecord, RunSummary, TaskEstimate
from bursar.domain.specs import parse_spec, title_sha256
from bursar.views.annotations import Related
from bursar.views.forecasts import Outlook
from bursar.views.sizes import size_hints
from bursar.views.spec_annotations import annotate_spec

TEXT = "# Plan\n\n- [ ] 1 Make the parcel\n- [x] 2 Send the parcel\n- [ ] 3 Group\n  - [ ] 3.1 Inner\n"
SPEC = parse_spec(TEXT, path_hint=".kiro/specs/x/tasks.md")
USD = 10**12
MILLI = 10**9

ESTIMATE = TaskEstimate(
    address="1",
    title="Make the parcel",
    line=2,
    counted_tokens=14_210,
    bound_tokens=31_774,
    first_request_pico=35_525 * 10**6,
    ceiling_pico=USD,
)


def record(line: int = 2, **changes) -> RunRecord:
    task = next(each for each in SPEC.tasks if each.line == line)
    made = RunRecord(
        run="run-1",
        workspace="/w",
        spec=".kiro/specs/x/tasks.md",
        task_id=task.id,
        task_address=task.id or "",
        task_title=task.title,
        task_title_sha256=title_sha256(task),
        task_line=line,
        provider="sim",
        model="m",
        ceiling_pico=USD,
        first_request="",
        counted_tokens=14_000,
        state="paused",
        reason="limit",
        detail=None,
        resume_at=None,
        pause_requested=False,
        stop_requested=False,
        tick_pending=False,
        owner=None,
        owner_alive=False,
        epoch=1,
        created_at="2026-11-21T08:00:00.000Z",
        updated_at="2026-11-21T08:00:00.000Z",
        seconds_run=41.0,
    )
    return replace(made, **changes)


def row(number: int, **changes) -> RequestRow:
    made = RequestRow(
        request_id=f"req-{number}",
        at=f"2026-11-21T08:00:0{number}.000Z",
        run="run-1",
        step=f"m{number}",
        attempt=1,
        task="1",
        workspace="/w",
        spec=".kiro/specs/x/tasks.md",
        file="parcel.py",
        line=7,
        model="m",
        usage=Usage(uncached_input=100, cache_read=11_900, cache_write_5m=410, output=310),
        cost_pico=7_100 * 10**6,
        at_most_pico=90 * MILLI,
        unpriced=False,
        certainty="billed",
        ttft_ms=200,
        duration_ms=1_900,
    )
    return replace(made, **changes)


def summary(run: RunRecord, *rows: RequestRow, steps: int = 7, **changes) -> RunSummary:
    cost = sum(each.cost_pico or 0 for each in rows)
    made = RunSummary(
        record=run, steps_done=steps, cost_pico=cost, held_pico=0, unpriced_requests=0, requests=rows, in_doubt=()
    )
    return replace(made, **changes)


HERE = Here(zone=ZoneInfo("Europe/Berlin"), day="2026-11-21")


def annotated(*runs: RunSummary, **changes):
    given = {
        "uri": "file:///w/tasks.md",
        "text": TEXT,
        "spec": SPEC,
        "estimates": {2: ESTIMATE},
        "runs": runs,
        "mine": frozenset(),
        "here": HERE,
        "left_pico": None,
        "window_tokens": None,
        "silenced": frozenset(),
        **changes,
    }
    return annotate_spec(**given)


def lenses(line: int, *runs: RunSummary, **changes) -> list[tuple[str, str | None]]:
    return [(each.title, each.command) for each in annotated(*runs, **changes).lenses if each.line == line]


def test_an_open_task_without_history_says_what_was_counted_and_no_total():
    assert lenses(2) == [("Run · first request 14,210 in ~$0.036 · at most $1.00", "bursar.runTask")]
    (lens,) = [each for each in annotated().lenses if each.line == 2]
    assert lens.arguments == ({"uri": "file:///w/tasks.md", "line": 2, "title": "Make the parcel"},)


def test_a_model_without_a_price_and_a_run_without_a_ceiling_are_said_to_be_so():
    unpriced = replace(ESTIMATE, first_request_pico=None, ceiling_pico=None)
    assert lenses(2, estimates={2: unpriced}) == [
        ("Run · first request 14,210 in · no price known · no limit", "bursar.runTask")
    ]


def test_a_paused_run_says_what_is_kept():
    paused = summary(record(), row(1, cost_pico=40 * MILLI))
    assert lenses(2, paused) == [("Resume · usage limit · 7 steps kept, $0.04 paid", "bursar.resumeRun")]


def test_a_run_that_the_user_paused_needs_no_reason_and_a_cut_answer_is_not_hidden():
    asked = summary(record(reason="asked"), row(1, cost_pico=40 * MILLI))
    assert lenses(2, asked) == [("Resume · 7 steps kept, $0.04 paid", "bursar.resumeRun")]
    killed = summary(record(reason="owner_gone"), row(1, cost_pico=40 * MILLI), steps=1, held_pico=90 * MILLI)
    assert lenses(2, killed) == [
        (
            "Resume · interrupted · 1 step kept, $0.04 paid (+ at most $0.09 for a cut answer)",
            "bursar.resumeRun",
        )
    ]


@pytest.mark.parametrize(
    ("reason", "resume_at", "says"),
    [
        ("limit", "2026-11-21T08:05:09.000Z", "Goes on by itself at 09:05:09"),
        ("provider", "2026-11-21T08:05:09.000Z", "Goes on by itself at 09:05:09"),
        ("limit", "2026-11-22T00:00:00.000Z", "Goes on by itself at 2026-11-22 01:00"),
        ("deferred", "2026-11-21T22:00:00.000Z", "Deferred until 23:00"),
    ],
)
def test_a_run_that_waits_for_its_moment_says_which_and_can_be_resumed_or_held_back(reason, resume_at, says):
    parked = summary(record(reason=reason, resume_at=resume_at), row(1))
    assert lenses(2, parked) == [
        (f"{says} · 7 steps kept, $0.0071 paid", None),
        ("Resume now", "bursar.resumeRun"),
        ("Pause", "bursar.pauseRun"),
        ("Stop", "bursar.stopRun"),
    ]


def test_a_run_that_met_the_limit_again_is_left_to_the_user():
    again = summary(record(reason="limit_again", resume_at="2026-11-21T08:05:09.000Z"), row(1))
    assert lenses(2, again) == [
        ("Resume · usage limit, still reached · 7 steps kept, $0.0071 paid", "bursar.resumeRun")
    ]


NEXT = NextRequest(
    counted_tokens=6_214,
    is_least=False,
    warm_pico=2_300 * 10**6,
    cold_pico=23 * MILLI,
    hold_pico=31 * MILLI,
    model="sim/m",
    rate_card="card-1",
)


def resumables(next_: NextRequest = NEXT, too_small: TooSmall | None = None) -> dict[str, Resumable]:
    return {"run-1": Resumable(next=next_, too_small=too_small)}


@pytest.mark.parametrize(
    ("next_", "says"),
    [
        (NEXT, "next request 6,214 in ~$0.0023-0.023"),
        (replace(NEXT, warm_pico=23 * MILLI), "next request 6,214 in ~$0.023"),
        (replace(NEXT, is_least=True), "next request at least 6,214 in ~$0.0023-0.023"),
        (replace(NEXT, warm_pico=None, cold_pico=None), "next request 6,214 in · no price known"),
        (replace(NEXT, counted_tokens=0), "nothing more to pay"),
    ],
)
def test_resume_says_what_is_kept_and_what_going_on_costs(next_, says):
    gone = summary(record(reason="owner_gone"), row(1, cost_pico=40 * MILLI))
    assert lenses(2, gone, resumables=resumables(next_)) == [
        (f"Resume · interrupted · 7 steps kept, $0.04 paid · {says}", "bursar.resumeRun")
    ]


def test_the_figures_of_resume_say_where_they_come_from():
    paused = summary(record(reason="asked"), row(1), row(2))
    (lens,) = [each for each in annotated(paused, resumables=resumables()).lenses if each.line == 2]
    assert lens.tooltip == (
        "Kept: 7 finished steps in the journal; $0.014 is the sum of the ledger's 2 requests. Neither is done or paid "
        "again. 6,214 tokens are counted in the next request under o200k_base. At sim/m's prices (card-1) they cost "
        "about $0.0023 while the provider still has the prompt cache of the request before, else about $0.023; the "
        "answer is extra."
    )


@pytest.mark.parametrize(
    ("scope", "whose"), [("run", "This run's budget of $0.05"), ("day", "Today's budget of $0.05")]
)
def test_a_budget_in_the_way_is_named_and_can_be_raised_there(scope, whose):
    small = TooSmall(scope=scope, limit_pico=50 * MILLI, needed_pico=71 * MILLI)
    paused = summary(record(reason="budget"), row(1, cost_pico=40 * MILLI))
    assert lenses(2, paused, resumables=resumables(NEXT, small)) == [
        (
            f"{whose} has no room for the next request, which needs at least $0.031 free · 7 steps kept, $0.04 paid",
            None,
        ),
        ("Set budget", "bursar.setBudget"),
        ("Stop", "bursar.stopRun"),
    ]
    shown = [each for each in annotated(paused, resumables=resumables(NEXT, small)).lenses if each.line == 2]
    assert shown[1].arguments == ({"scope": scope, "run": "run-1"},)


def test_a_run_that_waits_for_its_check_can_be_accepted():
    waiting = summary(record(reason="check"), row(1, cost_pico=40 * MILLI))
    assert lenses(2, waiting) == [
        ("Resume · its check fails · 7 steps kept, $0.04 paid", "bursar.resumeRun"),
        ("Accept as done", "bursar.acceptRun"),
    ]


def test_a_run_that_waits_here_can_be_paused():
    waiting = summary(record(owner="me", owner_alive=True, resume_at="2026-11-21T08:05:09.000Z"), row(1))
    assert lenses(2, waiting, mine=frozenset({"run-1"})) == [
        ("Waits until 09:05:09 · 7 steps done, $0.0071 paid", None),
        ("Pause", "bursar.pauseRun"),
        ("Stop", "bursar.stopRun"),
    ]


def test_a_run_of_another_window_offers_nothing():
    elsewhere = summary(record(state="running", owner="process 7", owner_alive=True), row(1))
    assert lenses(2, elsewhere) == [("Runs in another window · 7 steps done, $0.0071 paid", None)]
    waiting = summary(record(owner="process 7", owner_alive=True, resume_at="2026-11-21T08:05:09.000Z"), row(1))
    assert lenses(2, waiting) == [("Runs in another window · Waits until 09:05:09 · 7 steps done, $0.0071 paid", None)]


def test_a_finished_task_shows_its_sum():
    usage = Usage(uncached_input=29, cache_read=71, output=5)
    rows = [row(number, usage=usage, cost_pico=9_666_666_666) for number in range(1, 7)]
    finished = summary(record(3, state="finished", reason=None), *rows)
    assert lenses(3, finished) == [("$0.058 · 6 requests · 71 % cached · 41 s", None)]


def test_a_tick_that_waits_for_a_save_is_said():
    pending = summary(record(state="finished", tick_pending=True), row(1))
    assert lenses(2, pending)[0][0].startswith("Done, not saved yet · $0.0071 · 1 request")


def test_a_task_that_was_opened_again_can_be_run_again():
    assert lenses(2, summary(record(state="finished"), row(1)))[0][1] == "bursar.runTask"


def test_a_done_task_without_runs_has_no_lens():
    assert lenses(3) == []


def test_a_parent_runs_the_open_tasks_below_it_unless_one_of_them_runs():
    assert lenses(4) == [("Run 1 task", "bursar.runTask")]
    inner = replace(ESTIMATE, address="3.1", line=5)
    assert lenses(4, estimates={5: inner}) == [
        ("Run 1 task · first request 14,210 in ~$0.036 · at most $1.00", "bursar.runTask")
    ]
    unknown = replace(inner, first_request_pico=None, ceiling_pico=None)
    assert lenses(4, estimates={5: unknown})[0][0] == (
        "Run 1 task · first request 14,210 in · no price known · no limit"
    )
    paused = summary(record(5), row(1))
    assert lenses(4, paused, estimates={5: inner}) == [("Run 1 task · from where it paused", "bursar.runTask")]
    running = summary(record(5, state="running", owner="me", owner_alive=True), row(1))
    assert lenses(4, running) == []
    assert lenses(4, running, mine=frozenset({"run-1"})) == []


def test_a_parent_says_how_many_of_the_tasks_below_it_go_on_from_where_they_paused():
    text = "# Plan\n\n- [ ] 3 Group\n  - [ ] 3.1 One\n  - [ ] 3.2 Two\n  - [ ] 3.3 Three\n"
    spec = parse_spec(text, path_hint=".kiro/specs/x/tasks.md")
    tasks = {each.line: each for each in spec.tasks}

    def paused(line: int) -> RunSummary:
        task, run = tasks[line], f"run-{line}"
        changes = {"run": run, "task_id": task.id, "task_address": task.id, "task_title": task.title}
        return summary(record(2, **changes, task_title_sha256=title_sha256(task), task_line=line))

    def title(*lines: int) -> str:
        return lenses(2, *map(paused, lines), text=text, spec=spec, estimates={})[0][0]

    assert title(3) == "Run 3 tasks · 1 of them from where it paused"
    assert title(3, 5) == "Run 3 tasks · 2 of them from where they paused"


def test_a_task_that_was_ticked_by_hand_while_its_run_is_open_says_so():
    assert lenses(3, summary(record(3), row(1, cost_pico=40 * MILLI))) == [
        ("Ticked by hand · 7 steps kept, $0.04 paid", None),
        ("Resume", "bursar.resumeRun"),
        ("Stop", "bursar.stopRun"),
    ]
    ours = summary(record(3, state="running", owner="me", owner_alive=True), row(1, cost_pico=40 * MILLI))
    assert lenses(3, ours, mine=frozenset({"run-1"})) == [
        ("Ticked by hand · Running · 7 steps done, $0.04 paid", None),
        ("Pause", "bursar.pauseRun"),
        ("Stop", "bursar.stopRun"),
    ]
    assert lenses(3, ours) == [("Runs in another window · 7 steps done, $0.04 paid", None)]
    assert lenses(3, summary(record(3, state="failed", reason="stopped"))) == []


def test_the_last_request_is_a_finding_with_all_requests_newest_first():
    found = annotated(summary(record(), row(1), row(2, file=None, line=None))).findings
    (finding,) = found
    assert (finding.line, finding.character, finding.code, finding.severity) == (2, 0, "request-cost", "information")
    assert finding.message == "last request $0.0071: 12,410 in (96 % cached), 310 out, 1.9 s"
    buckets = "100 uncached, 11,900 cache read, 410 cache write, 310 output"
    figures = "$0.0071: 12,410 in (96 % cached), 310 out, 1.9 s"
    assert finding.related == (
        Related(
            path=".kiro/specs/x/tasks.md",
            line=2,
            message=f"request 2 {figures} · {buckets} · 09:00:02",
        ),
        Related(path="parcel.py", line=7, message=f"request 1 {figures} · {buckets} · 09:00:01"),
    )


def test_a_request_that_crosses_a_warning_level_is_a_warning_and_the_next_one_is_not():
    half = row(1, cost_pico=499 * MILLI)
    crossing = annotated(summary(record(), half, row(2))).findings[0]
    assert crossing.severity == "warning"
    assert crossing.message.endswith("; it passed 50 % of the run's $1.00")
    assert annotated(summary(record(), half, row(2), row(3))).findings[0].severity == "information"


def test_the_warning_levels_are_those_that_the_user_has_set_and_a_raise_is_part_of_the_limit():
    rows = (row(1, cost_pico=499 * MILLI), row(2, cost_pico=2 * MILLI))

    def said(**changes):
        return annotated(summary(record(), *rows), **changes).findings[0]

    assert said(warn_percent=(40, 60, 90)).severity == "information"
    assert said(warn_percent=(10, 20, 50)).message.endswith("; it passed 50 % of the run's $1.00")
    # $0.499 and $0.501 lie on both sides of 25 % of $2.00, and of no usual mark.
    raised = {"run-1": 1_000 * MILLI}
    assert said(raised_pico=raised).severity == "information"
    assert said(raised_pico=raised, warn_percent=(25, 60, 90)).message.endswith("; it passed 25 % of the run's $2.00")
    assert said(raised_pico={"run-2": 1_000 * MILLI}).severity == "warning"


def test_a_request_that_did_not_end_says_at_most():
    unknown = row(2, certainty="unknown", cost_pico=None)
    found = annotated(summary(record(), row(1), unknown)).findings[0]
    assert found.message == "last request did not end, it may be billed: at most $0.09"


def test_the_finding_can_be_silenced():
    assert annotated(summary(record(), row(1)), silenced=frozenset({"request-cost"})).findings == ()


def test_a_task_that_fits_neither_the_budget_nor_the_window_is_a_warning():
    found = annotated(left_pico=30 * MILLI, window_tokens=8_000).findings
    assert [(each.code, each.severity) for each in found] == [("over-budget", "warning"), ("over-window", "warning")]
    assert found[0].message.startswith("The first request costs about $0.036 and $0.03 of the budget is left")
    assert "14,210 tokens, the model takes 8,000" in found[1].message
    assert annotated(left_pico=USD, window_tokens=200_000).findings == ()


def test_a_request_that_leaves_no_room_for_its_answer_is_a_warning_too():
    held = replace(ESTIMATE, least_hold_pico=90 * MILLI)
    (budget,) = annotated(estimates={2: held}, left_pico=89 * MILLI).findings
    assert budget.code == "over-budget"
    assert "may cost $0.09 with a short answer" in budget.message
    assert annotated(estimates={2: held}, left_pico=90 * MILLI).findings == ()
    (window,) = annotated(window_tokens=14_210 + 8_191).findings
    assert window.code == "over-window"
    assert "14,210 tokens and its answer may have 8,192, the model takes 22,401" in window.message
    assert annotated(window_tokens=14_210 + 8_192).findings == ()


def test_a_task_that_does_not_fit_offers_to_be_split():
    split = ("Split into sub-tasks", "bursar.splitTask")
    assert lenses(2, window_tokens=8_000)[1:] == [split]
    assert lenses(2, left_pico=MILLI)[1:] == [split]
    assert lenses(2, window_tokens=200_000, left_pico=USD)[1:] == []
    assert split not in lenses(2, summary(record(), row(1)), left_pico=MILLI), "its run could go on"


def test_hints_stand_behind_headings_and_tasks():
    heading = Part(kind="heading", title="Plan", level=1, line=0, end_line=6)
    task = Part(kind="task", title="1 Make the parcel", level=0, line=2, end_line=3)
    front = Part(kind="frontmatter", title="front matter", level=0, line=1, end_line=2)
    ends = [len(line.rstrip()) for line in TEXT.split("\n")]
    hints = size_hints(
        ends.__getitem__,
        [(heading, 120), (task, 1), (front, 9)],
        encoding="o200k_base",
    )
    assert [(each.line, each.character, each.label) for each in hints] == [(0, 6, "120 tokens"), (2, 23, "1 token")]


KNOWN = Known(traits=None, model="m", workspace="/w", spec="x", first_tokens=14_210, first_pico=35_525 * 10**6)
ENOUGH = forecast_task(
    KNOWN,
    [
        PastTask(
            known=Known(
                traits=None, model="m", workspace="/w", spec="x", first_tokens=14_210, first_pico=35_525 * 10**6
            ),
            tokens=100_000,
            cost_pico=(50 + 20 * index) * MILLI,
            time_ms=1_000,
            requests=5,
            whole=True,
        )
        for index in range(9)
    ],
    Prior(tokens_permille=(1_000,), cost_permille=(3_000,), time_ms=(1_000,), requests=(5,)),
)
DAY_LEFT = Room(name="today's budget", unit="usd", left=20 * MILLI, resets_at="2026-11-21T23:00:00Z")


def test_similar_tasks_make_a_range():
    assert lenses(2, outlook=Outlook(tasks={2: ENOUGH})) == [("Run · usually $0.07-0.19, 9 similar", "bursar.runTask")]
    (lens,) = [each for each in annotated(outlook=Outlook(tasks={2: ENOUGH})).lenses if each.line == 2]
    assert lens.tooltip.startswith("From 9 similar tasks among 9 of yours")
    few = replace(ENOUGH, similar=4)
    assert lenses(2, outlook=Outlook(tasks={2: few}))[0][0].startswith("Run · first request")


def test_a_parent_and_the_whole_spec_have_a_sum():
    two = replace(ENOUGH, tasks=2)
    found = annotated(outlook=Outlook(groups={4: replace(ENOUGH, tasks=1)}, total=two, rooms=(DAY_LEFT,)))
    titles = {each.line: (each.title, each.command) for each in found.lenses}
    assert titles[4] == ("Run 1 task · usually $0.07-0.19, 9 similar", "bursar.runTask")
    assert titles[0] == (
        "2 open tasks · usually $0.07-0.19 · below 1 % likely within the $0.02 left of today's budget",
        None,
    )
    stale = annotated(outlook=Outlook(groups={4: two}))
    assert {each.line: each.title for each in stale.lenses}[4] == "Run 1 task", "of another set of tasks"


def test_a_run_that_will_probably_not_finish_is_a_warning():
    outlook = Outlook(tasks={2: ENOUGH}, rooms=(DAY_LEFT,))
    (finding,) = annotated(outlook=outlook).findings
    assert (finding.line, finding.severity, finding.code) == (2, "warning", "probably-unfinished")
    assert "$0.02 of today's budget is left" in finding.message
    assert "wait for its reset (2026-11-22 00:00)" in finding.message, "in the user's own time"
    assert annotated(outlook=outlook, silenced=frozenset({"probably-unfinished"})).findings == ()
    assert annotated(outlook=outlook, skipped=frozenset({0})).findings == ()
    assert annotated(outlook=replace(outlook, rooms=())).findings == ()
    paused = summary(record(), row(1))
    assert [each.code for each in annotated(paused, outlook=outlook).findings] == ["request-cost"]
    dearer = annotated(outlook=outlook, left_pico=1).findings
    assert [each.code for each in dearer] == ["over-budget"], "the first request does not fit: that says more"
