"""Bring an account to the targets of a jq2qmt server: what big QMT and miniQMT share.

rules (what the exchanges allow) and terms (what is spoken of) <- pricing <- decide (what to order); ledger (what
became of the orders, and whether the terminal shows it) and steady (which targets hold still) say what must wait;
wire and answer <- poll ask the server, report tells it; settings, journal (what people read) <- session (one look
after another).
None of it knows a terminal: big_qmt.py and miniqmt_sync.py hand theirs in.
"""
