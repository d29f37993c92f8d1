"""The findings on tasks that are made from what runs cost and what budgets and windows leave."""

from __future__ import annotations

from bursar.domain.rules.rule import Example, Reading, Rule

_TASKS = "# Tasks\n\n- [ ] 1. Keep rates\n  - _Requirements: 1.1_\n"
_FILES = ((".kiro/specs/rates/tasks.md", _TASKS),)

REQUEST_COST = Rule(
    code="request-cost",
    title="What the last request of a task cost",
    severity="information",
    scope="file",
    finds=(
        "Every task that has run: the last request with its cost, tokens and time, and below it all its requests with "
        "the file each worked on. A request that passed a warning mark of the run's budget is a warning."
    ),
    why="A request costs more the longer the run is, and one that misses the prompt cache about ten times as much.",
    remedy="Nothing, while it is information. As a warning: raise the budget, or end the run and split the task.",
    bad=Example(
        files=_FILES, situation="The task has a run whose last request took it past a warning mark of its budget."
    ),
    good=Example(files=_FILES, situation="The task has not run yet."),
    reading=Reading(read=0, right=0, on="", note="It repeats figures of the ledger and judges nothing."),
)
CACHE_LOST = Rule(
    code="cache-lost",
    title="A run that paid again for what was in the provider's prompt cache",
    severity="information",
    scope="file",
    finds=(
        "Tasks whose newest run had a request that read at least 512 tokens less from the prompt cache than the one "
        "before it had left there, with the cause: a document of the prompt that was changed (and which), the system "
        "text, the tools, the model, options, an earlier turn, time, a turn of more blocks than the provider looks "
        "back, or the provider itself. The first request of a run is compared with those of the spec's other tasks."
    ),
    why=(
        "A cached token costs a tenth of a fresh one or less, and writing it again more than a fresh one: a prefix "
        "that is lost is paid at ten to fifty times its price."
    ),
    remedy=(
        "Edit steering files and documents of the spec before the first of several tasks, not between two of them; "
        "answer a run's questions within the life of the cache (five minutes at Anthropic); change model and effort at "
        "the beginning of a run. What the provider gave up by itself costs once and needs nothing."
    ),
    bad=Example(
        files=_FILES, situation="The second request of the task's run read nothing, six minutes after the first."
    ),
    good=Example(files=_FILES, situation="Each request of the task's run read what the one before it had left."),
    reading=Reading(
        read=0,
        right=0,
        on="",
        note=(
            "`tests/simulator/test_losses.py` makes each cause happen and compares the finding with the log of the "
            "cache."
        ),
    ),
)
OVER_BUDGET = Rule(
    code="over-budget",
    title="A task whose first request has no room in the budget",
    severity="warning",
    scope="file",
    finds="Tasks that can be run whose first request costs more than what is left of the tightest budget.",
    why="The run would be refused before anything is sent.",
    remedy="Raise the budget, wait for its reset, or split the task.",
    bad=Example(files=_FILES, situation="$0.01 is left of the budget, and the first request costs about $0.05."),
    good=Example(files=_FILES, situation="$1.00 is left of the budget, and the first request costs about $0.05."),
    reading=Reading(read=0, right=0, on="", note="It compares two figures and judges nothing."),
)
OVER_WINDOW = Rule(
    code="over-window",
    title="A task whose first request is larger than the model's window",
    severity="warning",
    scope="file",
    finds="Tasks that can be run whose first request, or that and the answer, has more tokens than the model takes.",
    why="The provider refuses the request.",
    remedy="Shorten the documents of the spec, split the task, or choose another model.",
    bad=Example(files=_FILES, situation="The first request has 300,000 tokens, and the model takes 200,000."),
    good=Example(files=_FILES, situation="The first request has 30,000 tokens, and the model takes 200,000."),
    reading=Reading(read=0, right=0, on="", note="It compares two figures and judges nothing."),
)
PROBABLY_UNFINISHED = Rule(
    code="probably-unfinished",
    title="A task that probably does not fit what is left of a limit",
    severity="warning",
    scope="file",
    finds="Tasks that can be run whose chance to finish within what is left of a limit is below one half.",
    why="A run that ends at the limit has to be resumed with a cold prompt cache, or its work is lost.",
    remedy="Raise the limit, wait for its reset, or split the task.",
    bad=Example(files=_FILES, situation="Tasks like it usually took $0.07 to $0.19, and $0.02 is left."),
    good=Example(files=_FILES, situation="Tasks like it usually took $0.07 to $0.19, and $5.00 is left."),
    reading=Reading(
        read=0, right=0, on="", note="How good the forecasts are is measured by `tests/benchmarks/forecast`."
    ),
)
