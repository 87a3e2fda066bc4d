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
    # 服务器上的交易账户名；填写后面板显示其差额与各策略份额。 An account on the server, whose drift the panel shows.
    "account": None,
    "auth_config": {
        # True：用私钥签名（推荐）；False：发送 simple_api_key。 Sign each push, or send an API key that may write.
        "use_crypto_auth": True,
        "private_key_file": "keys/easyxt_private.pem",
        "client_id": "easyxt_client",
        "simple_api_key": None,
        # 服务器以 --reads key 运行时，读取需要（只读密钥，不要用绑定账户的密钥）。
        # For reading, where the server wants a key: one for reading, never one that is bound to an account.
        "read_api_key": None,
        # 服务器使用自签名证书时：该证书（PEM）的文件。 The server's certificate (PEM), where nobody known signed it.
        "ca_file": None,
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


def completed(config):
    """Settings as EasyXT's users write them, with what they leave out. Who passes settings without `enabled` means them
    to be used."""
    whole = copy.deepcopy(JQ2QMT_CONFIG)
    whole["enabled"] = True
    merge(whole, config)
    sync = whole["sync_settings"]
    # Examples of EasyXT write these beside the groups as well.
    sync.update((name, config[name]) for name in sync if name in config)
    return whole


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
