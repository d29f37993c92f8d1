"""Texts that are hard on a tokenizer's pattern, and some that are not."""

from __future__ import annotations

import random

PROSE = (
    "The quick brown fox doesn't jump over the lazy dog; it's asleep, and they'll let it be. In 2024 some 1,234,567 "
    "foxes (about 3.5 %) were counted twice.\n\nNobody minded: `fox_count += 1` is easy to write, and hard to undo.\n"
)

TEXTS = [
    PROSE,
    "def f(x):\n    if x > 10:\n\treturn {'a': x ** 2}  # don't\n\n\nclass A:\r\n    pass\r\n",
    '{"key": [1, 22, 333, 4444, 55555], "url": "https://example.org/a/b?c=d&e=%20"}\n' * 3,
    "a\n\n\n  \n \t \n b \n/c\n//d\n /e\r\n\r\n/f\r\r\ng   \n   ",
    "it's IT'S it'ſ IT'ſ we'Re 'twas ' s '  ''s '''ll'' x'\u0301s l'été d'1",
    "e\u0301 o\u0308. \u0301a \u0301. a\u0301b1\u03012 \n\u0301x .\u0301\n",
    "👩‍👩‍👧‍👦 🏳️‍🌈. 👍🏽a1👍🏽 b\u200d c\u200b.d",
    "a\xa0b \xa0 c\xa0\n d\x1c e\x1f.f\x0bg\x85h\u2028i\u2029j\u3000k 1\xa02",
    "ภาษาไทย 12 ทดสอบ. हिन्दी में १२३ लिखें। ǅ ǈA ᾈ ΑΣ Σας ДжЂ",
    "仕様書を読む、そして「書く」。東京2024年（令和6年）！한국어, 테스트。中文—测试…没有空格的句子",
    "½¼1234 ٣٤٥٦ ²³ 12½34 Ⅷ8 ①② x1y22z333w4444",
    "<|endoftext|><|fim_prefix|> <|endofprompt|> <|im_start|>system",
    "FooBarBAZ_quxHTTPServer2XML3.parse--now!!??//\n//**/\n#/usr/bin\n/etc\n",
    "....    ....\t\t....\n\n....///\n\n///....\r\n/ / /\n / /",
    " leading", "trailing ", "\n", " \n ", "\t", "\x00\x01 \x7f", "a" * 300, "=" * 300, " " * 300 + "x",
    "\n" * 200 + "/",
]  # fmt: skip


def varied_prose(words: int) -> str:
    """The same long text at every call, without the regularity of one sentence repeated."""
    return " ".join(random.Random(words).choices(PROSE.split(), k=words))
