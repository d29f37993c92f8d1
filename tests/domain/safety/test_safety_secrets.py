"""Everything that looks like a key is masked, and little else is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.safety.secrets import contains_mask, mask_secrets

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus"
WORD = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY" * 8
HEX = "0123456789abcdef" * 8
UPPER = "Q7WERTYU2IOPASDF5GHJKLZX" * 4
DASHES = "-" * 5
PEM_BODY = "\n".join([WORD[:64], WORD[5:69], WORD[9:73], WORD[7:15] + "=="])

# Put together here, so that no scanner takes this file for a leak.
KEYS: dict[str, str] = {
    "anthropic": "sk-ant-" + "api03-" + WORD[:80],
    "openrouter": "sk-or-" + "v1-" + HEX[:64],
    "openai-project": "sk-proj-" + WORD[:60],
    "openai": "sk-" + WORD[:48],
    "stripe": "sk_live_" + WORD[:24],
    "stripe-restricted": "rk_test_" + WORD[:24],
    "stripe-webhook": "whsec_" + WORD[:32],
    "github": "ghp_" + WORD[:36],
    "github-pat": "github_pat_" + WORD[:22] + "_" + WORD[:59],
    "gitlab": "glpat-" + WORD[:20],
    "aws-key-id": "AKIA" + UPPER[:16],
    "google-api": "AIza" + WORD[:35],
    "google-oauth": "GOCSPX-" + WORD[:28],
    "google-access": "ya29." + WORD[:60],
    "slack": "xoxb-" + "1234567890-" + WORD[:24],
    "slack-app": "xapp-1-" + WORD[:40],
    "slack-webhook": "hooks.slack.com/services/" + "T0123ABCD/B0123ABCD/" + WORD[:24],
    "discord-webhook": "discord.com/api/webhooks/" + "123456789012345678/" + WORD[:68],
    "jwt": "eyJ" + WORD[:30] + ".eyJ" + WORD[:40] + "." + WORD[:43],
    "npm": "npm_" + WORD[:36],
    "pypi": "pypi-AgE" + "IcHlwaS5vcmc" + WORD[:60],
    "rubygems": "rubygems_" + HEX[:48],
    "huggingface": "hf_" + WORD[:34],
    "sendgrid": "SG." + WORD[:22] + "." + WORD[:43],
    "twilio": "SK" + HEX[:32],
    "digitalocean": "dop_v1_" + HEX[:64],
    "databricks": "dapi" + HEX[:32],
    "shopify": "shpat_" + HEX[:32],
    "mailgun": "key-" + HEX[:32],
    "linear": "lin_api_" + WORD[:40],
    "notion": "ntn_" + WORD[:46],
    "age": "AGE-SECRET-KEY-1" + UPPER[:58],
    "docker": "dckr_pat_" + WORD[:27],
    "vault": "hvs." + WORD[:90],
    "groq": "gsk_" + WORD[:52],
    "xai": "xai-" + WORD[:80],
    "replicate": "r8_" + WORD[:37],
    "perplexity": "pplx-" + WORD[:48],
    "nvidia": "nvapi-" + WORD[:64],
    "atlassian": "ATATT3" + WORD[:180],
    "grafana": "glsa_" + WORD[:32] + "_" + HEX[:8],
    "sentry": "sntrys_" + WORD[:80],
    "pulumi": "pul-" + HEX[:40],
    "planetscale": "pscale_tkn_" + WORD[:43],
    "figma": "figd_" + WORD[:44],
    "postman": "PMAK-" + HEX[:24] + "-" + HEX[:34],
    "newrelic": "NRAK-" + UPPER[:27],
    "private-key": f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n{PEM_BODY}\n{DASHES}END RSA PRIVATE KEY{DASHES}",
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("around", ["{}", "key is {}, use it", 'X="{}"\n', "curl -H 'x: {}' url", "a\n{}\nb", "({})"])
def test_each_kind_is_masked_wherever_it_stands(kind: str, around: str) -> None:
    key = KEYS[kind]
    masked, found = mask_secrets(around.format(key))
    assert found == 1
    assert key not in masked
    assert re.search(rf"⟦secret:(?:{kind}|assigned):[0-9a-f]{{4}}⟧", masked)
    assert WORD[5:20] not in masked and HEX[5:20] not in masked and UPPER[5:15] not in masked
    assert contains_mask(masked)
    assert mask_secrets(masked) == (masked, 0)


@pytest.mark.parametrize("kind", KEYS)
def test_a_beginning_alone_is_no_key(kind: str) -> None:
    start = KEYS[kind][:8]
    text = f"the prefix {start} is how they begin"
    assert mask_secrets(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('password = "tr0ub4dor&3xyz"', "tr0ub4dor&3xyz"),
        ("DB_PASSWORD=kJ8s7dHqw92mZx01", "kJ8s7dHqw92mZx01"),
        ("api_key: 'f3a9c1d7e5b2840617'", "f3a9c1d7e5b2840617"),
        ('{"client_secret": "f3a9-c1d7-e5b2-8406"}', "f3a9-c1d7-e5b2-8406"),
        ('token: str = "f3a9c1d7e5b2840617"', "f3a9c1d7e5b2840617"),
        ("aws_secret_access_key = wJalrXUtnFEMI7K7MDENGbPxRfiCY0123456789A", "wJalrXUtnFEMI7K7MDENG"),
        ("Authorization: Bearer f3a9c1d7e5b2840617f3a9c1", "f3a9c1d7e5b2840617f3a9c1"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZDEyMw==", "dXNlcjpwYXNzd29yZDEyMw"),
        ("postgres://app:s3cr3tPassw0rd9@db/x", "s3cr3tPassw0rd9"),
        ("AccountKey=" + WORD[:86] + "==;EndpointSuffix=x", WORD[:40]),
        ('"accessKey": "f3a9c1d7e5b2840617"', "f3a9c1d7e5b2840617"),
        ("bot 123456789:AA" + WORD[:33], WORD[:33]),
    ],
)
def test_a_value_beside_a_word_for_secrets_is_masked(text: str, secret: str) -> None:
    masked, found = mask_secrets(text)
    assert found == 1
    assert secret not in masked
    assert mask_secrets(masked) == (masked, 0)


@pytest.mark.parametrize(
    "text",
    [
        "password = os.environ['DB_PASSWORD_2']",
        "API_KEY=<your-key-1234567890>",
        "api_key: ${API_KEY_FROM_VAULT_1}",
        "OPENAI_API_KEY=sk-...",
        "ANTHROPIC_API_KEY=your_anthropic_api_key_123",
        "token = next(tokens)",
        "token_count: 1234567890123456",
        "max_tokens = settings.limits.max_tokens_v2",
        "secret: config2.secrets3.client_value",
        'password: "correct horse battery 1"',
        "run the task-orchestrator-mcp-server-2-implementation",
        "commit 5d41402abc4b2a76b9719d911017c592aaaaaaaa",
        "https://example.com:8080/a/b@c",
        "risk-assessment-and-mitigation-plan-2026",
        "sha512-abcdefghijklmnopqrstuvwxyz0123456789==",
        "Bearer token authentication is required here",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert mask_secrets(text) == (text, 0)


def test_a_private_key_that_was_cut_is_masked_from_both_sides() -> None:
    whole = KEYS["private-key"]
    first, last = whole[: len(whole) // 2], whole[len(whole) // 2 :]
    for part in (first, last):
        masked, found = mask_secrets(f"before\n{part}\nafter")
        assert found == 1
        assert WORD[10:30] not in masked
        assert masked.count("\n") == f"before\n{part}\nafter".count("\n")
        assert masked.startswith("before\n") and masked.endswith("\nafter")
        assert mask_secrets(masked) == (masked, 0)


def test_a_private_key_in_a_json_string_is_masked() -> None:
    text = json.dumps({"type": "service_account", "private_key": KEYS["private-key"] + "\n", "name": "kept"})
    masked, _ = mask_secrets(text)
    assert WORD[10:30] not in masked
    assert '"name": "kept"' in masked


def test_the_number_of_lines_stays() -> None:
    text = f"a\r\n{KEYS['private-key']}\r\nb\n"
    masked, _ = mask_secrets(text)
    assert masked.count("\n") == text.count("\n")
    assert masked.endswith("\r\nb\n")


def test_the_same_secret_has_the_same_token_and_another_has_another() -> None:
    one, again, other = (mask_secrets(f"x {key}")[0] for key in (KEYS["npm"], KEYS["npm"], "npm_" + WORD[1:37]))
    assert one == again != other


def test_the_corpus_raises_no_false_alarm() -> None:
    files = [each for each in CORPUS.rglob("*") if each.is_file()]
    assert len(files) > 100
    alarms = []
    for file in files:
        text = file.read_bytes().decode("utf-8", "replace")
        masked, found = mask_secrets(text)
        if found:
            alarms.append((file.name, found))
        else:
            assert masked == text
    assert sum(found for _, found in alarms) <= 1, alarms


@pytest.mark.parametrize(
    "piece",
    [
        *("sk-", "eyJ", "eyJa.", "password=", "://a:", "SG.", "a-", "token", " ", '"', "⟦secret:", "secret: 'a"),
        *(f"{DASHES}BEGIN PRIVATE KEY{DASHES}\n", f"{DASHES}END PRIVATE KEY{DASHES}\n", "A" * 64 + "\n"),
    ],
)
def test_text_made_to_be_slow_is_not(piece: str) -> None:
    # Quadratic work on two million characters would not end within the suite's patience.
    text = piece * (2_000_000 // len(piece))
    mask_secrets(text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(list(KEYS.values())),
            st.sampled_from(
                ["password=", "token: ", '"', "'", "\n", "\r\n", " ", "⟦", "⟧", "⟦secret:x:", "-----", "://u:"]
            ),
            st.text(max_size=12),
        ),
        max_size=12,
    )
)
def test_masking_what_is_masked_changes_nothing(parts: list[str]) -> None:
    masked, _ = mask_secrets("".join(parts))
    assert mask_secrets(masked) == (masked, 0)
