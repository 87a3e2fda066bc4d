"""Bring an account to the targets of a jq2qmt server: what big QMT and miniQMT share.

rules (what the exchanges allow) <- decide (what to order) <- session (one look after another); poll asks the server.
None of it knows a terminal: big_qmt.py and miniqmt_sync.py hand theirs in.
"""
