"""jq2qmt for EasyXT, under a name of its own: EasyXT has an adapters/jq2qmt_adapter.py too, for another purpose.
EasyXT 的 jq2qmt 集成；自成一个包，与 EasyXT 自带的同名文件互不影响。"""

from .adapter import DataConverter, EasyXTJQ2QMTAdapter, compare
from .jq_qmt_api import JQQMTError, PushHeld
from .settings import JQ2QMT_CONFIG, load, save
from .strategy import AutoSync, BaseStrategy, JQ2QMTMixin

__all__ = [
    "JQ2QMT_CONFIG",
    "AutoSync",
    "BaseStrategy",
    "DataConverter",
    "EasyXTJQ2QMTAdapter",
    "JQ2QMTMixin",
    "JQQMTError",
    "PushHeld",
    "compare",
    "load",
    "save",
]
