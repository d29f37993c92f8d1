"""What a line's features say of the chance that a later call needs it: a logistic regression, learnt offline.

Fitted on 20 November 2026 (C = 0.01, all positives, a fifth of the negatives with weight 5) on **all**
34 sessions of our development set, from the seven sources named below, which publish them under the MIT licence. A
figure measured on the same sessions is therefore flattered; a session of one of these sources that is to be judged
fairly must do without.
``ln`` is ln(1 + x) throughout.
"""

from __future__ import annotations

SOURCES = frozenset(
    {
        "github.com/EntityProcess/agentv",
        "github.com/FSM1/cipher-box",
        "github.com/JanDeDobbeleer/oh-my-posh",
        "github.com/SWE-agent/SWE-agent",
        "github.com/badlogic/pi-mono",
        "github.com/entireio/cli",
        "github.com/sierra-research/tau-bench",
    }
)
INTERCEPT = -1.363

# Of the line, fixed when it arrived.
LINE_TOKENS_LN = 0.884
LINE_IDENTIFIERS = 0.011
SEEN_EARLIER = 0.445
FIRST_IN_RESULT = 0.019
FROM_START_LN = 0.090
FROM_END_LN = 0.068
POSITION = -0.312
IMPORT = 0.926
COMMENT = -0.177
DEFINITION = 0.128
ERROR_WORD = -0.125
PATH_IN_LINE = 0.206

# Of its result, fixed when it arrived.
RESULT_TOKENS_LN = -0.972
RESULT_LINES_LN = 0.595
COMMAND = -1.353
READ_OR_DOCUMENT = 0.217
SEARCH = -0.169
REPORT = 0.185
EDIT_ANSWER = -4.263
FAILED = -1.458
CODE_OR_GIT_DOCUMENT = 0.677
RANGE = -0.570
RESULTS_IN_REQUEST_LN = -0.107

# Of what happened since.
SHOWN_AGAIN = -4.554
SINCE_USE_LN = -0.464
AGE_LN = -0.160
EDITED_SINCE = -0.445
READ_SINCE = 0.133
USER_TURNS_SINCE = -0.059
SINCE_USER_LN = -0.141
USED_SHARE = 1.294
USES_LN = -0.045
USED = -0.351
USED_DISTANCE_LN = 0.012
NOVEL = 0.288
NOVEL_NEARBY = 0.027
MENTION_DISTANCE_LN = -0.082
MENTION_SHARE_NEARBY = -0.722
RARE_MENTIONED_SINCE = 0.027
RARE_MENTIONED_BEFORE = -0.025
MENTIONED_LATELY = -0.007
IN_LATEST_USER_MESSAGE = -0.082
