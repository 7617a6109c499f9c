"""Tables for papers: the best bold, the second underlined, and names that are no markup."""

from __future__ import annotations

import pandas as pd

from lnkit.results.tables import write_table

FRAME = pd.DataFrame(
    {"loss network": ["a_b:late", "50%&$#", "c|d\\x"], "psnr": [30.0, 31.0, 29.0], "error": [0.1, 0.2, 0.10001]}
)
WANTED = {"psnr": True, "error": False}


def test_latex() -> None:
    lines = [line.strip() for line in write_table(FRAME, "latex", None, WANTED).splitlines()]
    assert r"\toprule" in lines
    assert r"a\_b:late & \underline{30.0000} & \textbf{0.1000} \\" in lines
    assert r"50\%\&\$\# & \textbf{31.0000} & \underline{0.2000} \\" in lines
    assert (
        r"c\textbar{}d\textbackslash{}x & 29.0000 & \textbf{0.1000} \\" in lines
    )  # equal as printed: it shares the first place


def test_markdown() -> None:
    lines = write_table(FRAME, "markdown", None, WANTED).splitlines()
    assert lines[2:] == [
        "| a_b:late | <u>30.0000</u> | **0.1000** |",
        "| 50%&amp;\\$# | **31.0000** | <u>0.2000</u> |",
        "| c\\|d\\\\x | 29.0000 | **0.1000** |",
    ]


def test_nothing_stands_out_alone_or_where_nothing_is_known() -> None:
    alone = pd.DataFrame({"psnr": [30.0, None]})
    assert "**" not in write_table(alone, "markdown", None, WANTED)
    assert "**" not in write_table(FRAME, "markdown", None)
    assert write_table(FRAME, "csv", None, WANTED).splitlines()[1] == "a_b:late,30.0,0.1"
