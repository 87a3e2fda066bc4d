# -*- coding: utf-8 -*-
"""Settings of jq_qmt_api.py. Upload this file beside it to the research root of JoinQuant and change what differs.

jq_qmt_api.py 的设置。与它一起上传到聚宽研究环境的根目录，并按需修改。
"""

# Where the server is. 服务器地址。
API_URL = "http://127.0.0.1:5366"

# Only where the server's certificate is signed by nobody known: a file with that certificate (PEM), relative to the
# research root. It is then the only one that is trusted, and must name the host or address of API_URL.
# 仅当服务器使用自签名证书时填写：该证书（PEM）的文件名（相对研究根目录）。
# 填写后只信任它，证书中须含 API_URL 的主机名或 IP。
CA_FILE = None

# The client's private key, relative to the research root: made by `jq2qmt keygen CLIENT_ID`.
# 客户端私钥（相对研究根目录），由 `jq2qmt keygen CLIENT_ID` 生成。
PRIVATE_KEY_FILE = "jq_private.pem"

# The client's id: the name of its public key in the server's keys/ folder, or any name where keys/default.pem serves.
# 客户端编号：即服务器 keys/ 目录中公钥的文件名；使用 keys/default.pem 时可任取。
CLIENT_ID = "default"

# True: sign every push. False: send SIMPLE_API_KEY instead. True 为签名推送；False 则使用下面的 API 密钥。
USE_CRYPTO_AUTH = True
SIMPLE_API_KEY = None

# What becomes of a push that waits on the server for the operator's approval, so that the target from before stays:
# "raise" raises PushHeld, "warn" writes a line to the log and goes on.
# 推送在服务器上等待批准（原目标不变）时："raise" 抛出 PushHeld；"warn" 只写日志，策略继续。
ON_HELD = "raise"
