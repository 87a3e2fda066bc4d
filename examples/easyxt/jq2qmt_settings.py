"""Settings of the EasyXT integration. EasyXT 集成的设置。

What the panel saves lies in jq2qmt_settings.json beside this file and wins over what stands here.
"""

import copy
import json
import os

SAVED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jq2qmt_settings.json")

JQ2QMT_CONFIG = {
    # 总开关：False 时策略照常运行，不同步。 While False, strategies run as ever and nothing is sent.
    "enabled": False,
    # 服务器地址。 Where the server is.
    "server_url": "http://localhost:5366",
    "auth_config": {
        # True：用私钥签名（推荐）；False：发送 simple_api_key。 Sign each push, or send an API key that may write.
        "use_crypto_auth": True,
        "private_key_file": "keys/easyxt_private.pem",
        "client_id": "easyxt_client",
        "simple_api_key": None,
        # 服务器以 --reads key 运行时，读取合并持仓需要。 For reading, where the server wants a key.
        "read_api_key": None,
    },
    "sync_settings": {
        # 持仓更新后自动同步，并每隔 sync_interval 秒重发一次。 Push at every update, and again every so many seconds.
        "auto_sync": True,
        "sync_interval": 30,
        # 一次推送失败后的重试次数。 How often one push is tried again.
        "retry_times": 3,
    },
}


def load(path=SAVED):
    """The settings: what was saved over what stands in this file. A file that cannot be read is an error, because
    falling back to another server unasked would be worse."""
    config = copy.deepcopy(JQ2QMT_CONFIG)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            merge(config, json.load(file))
    return config


def save(config, path=SAVED):
    """Keep the settings; at no moment is there half a file."""
    beside = path + ".new"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(config, file, ensure_ascii=False, indent=2)
    os.replace(beside, path)


def merge(config, saved):
    for name, value in saved.items():
        if isinstance(value, dict) and isinstance(config.get(name), dict):
            merge(config[name], value)
        else:
            config[name] = value
