"""Make qmt_jq_trade.py, the one file for big QMT: big_qmt.py with jq2qmt_sync/ put where it imports it, as GBK.

python build.py            writes the file
python build.py --check    fails where the committed file is not what would be written
"""

import ast
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
PACKAGE = "jq2qmt_sync"
# In the order of what needs what.
MODULES = (
    "rules", "terms", "pricing", "decide", "ledger", "steady", "quotes",
    "wire", "answer", "trading_days", "poll", "report", "settings", "journal", "session",
)  # fmt: skip
OUTPUT = HERE / "qmt_jq_trade.py"


def split(path):
    """A module's standard library imports, and its other lines with None for each import of the package."""
    text = path.read_text(encoding="utf-8")
    lines, imports = text.splitlines(), []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith(PACKAGE)):
            replacement = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(ast.unparse(node))
            replacement = ""
        else:
            continue
        lines[node.lineno - 1 : node.end_lineno] = [replacement] * (node.end_lineno - node.lineno + 1)
    return imports, [line for line in lines if line is None or not line.startswith("# -*- coding")]


def build():
    """The text of the file."""
    script_imports, script = split(HERE / "big_qmt.py")
    imports, engine = set(script_imports), []
    for name in MODULES:
        module_imports, lines = split(HERE / PACKAGE / f"{name}.py")
        imports.update(module_imports)
        body = "\n".join(line for line in lines if line is not None).strip()
        engine.append(f"# {'-' * 64} {PACKAGE}/{name}.py\n{body}\n")
    at = script.index(None)
    head = "\n".join(script[:at]).strip()
    tail = "\n".join(line for line in script[at:] if line is not None).strip()
    parts = [
        "#coding:gbk",
        head,
        "\n".join(sorted(imports)),
        "\n\n".join(engine).rstrip(),
        f"# {'-' * 64} big_qmt.py\n{tail}",
    ]
    return re.sub(r"\n{4,}", "\n\n\n", "\n\n".join(parts)) + "\n"


def main():
    made = build().encode("gbk")
    if "--check" not in sys.argv[1:]:
        OUTPUT.write_bytes(made)
    elif OUTPUT.read_bytes() != made:
        sys.exit(f"{OUTPUT.name} is not what build.py makes of its sources: run build.py")


if __name__ == "__main__":
    main()
