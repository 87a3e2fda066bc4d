# What each target does stands behind it; `make test` is the one that must pass.
.PHONY: test test-mysql lint fuzz bench dist queries clean

PYTHON := .venv/bin/python
REQUIREMENTS := tests/python/requirements.txt
CASES ?= 20000
# What runs inside JoinQuant or QMT.
PYTHON36 := examples/joinquant/*.py examples/qmt/jq2qmt_sync/*.py examples/qmt/qmt_jq_trade.py examples/qmt/miniqmt_sync.py

test: ## Every test: Rust, and Python against the real binary
	@scripts/install-test-tools
	@$(MAKE) --no-print-directory .venv/ready
	# It leaves the server where the other tests start it, built with the features that tests add to its libraries.
	cargo test --quiet
	$(PYTHON) -m ruff format --check tests benches examples
	$(PYTHON) -m ruff check tests benches examples
	@ls $(PYTHON36) >/dev/null # vermin passes over a file that is not there
	.venv/bin/vermin --quiet --eval-annotations --target=3.6- $(PYTHON36)
	# A file by itself: the bench builds, and puts another server in the place of the one that the others start.
	cd tests/python && ../../$(PYTHON) -m pytest -n 3 --dist loadfile --durations 15 --ignore=test_bench.py --ignore=test_import_mysql.py
	cd tests/python && ../../$(PYTHON) -m pytest test_bench.py

test-mysql: .venv/ready ## `import` from a MariaDB that runs for it, by a program with that feature, whose build takes minutes
	@scripts/install-test-tools mariadb-server-core mariadb-client-core
	cargo build --quiet --features mysql
	cd tests/python && ../../$(PYTHON) -m pytest test_import_mysql.py

lint: ## Format and lints of the Rust code
	cargo fmt --check
	cargo clippy --all-targets --all-features -- -D warnings

fuzz: .venv/ready ## Inputs that nobody would write, CASES of each kind (20,000 where nothing is said) instead of the few of `make test`
	PROPTEST_CASES=$(CASES) cargo test --quiet --test http fuzz::
	PROPTEST_CASES=$(CASES) cargo test --quiet --lib -- auth::canonical_json auth::keyring domain::code
	cd tests/python && HYPOTHESIS_EXAMPLES=$(CASES) ../../$(PYTHON) -m pytest -q test_qmt_fuzz.py

bench: .venv/ready ## Speed, as ratios against what the machine can do at best and the release before; fails when a goal is missed
	$(PYTHON) benches/speed.py

dist: ## Archives of a release in dist/; a target that cannot be built here is named with what it needs, and fails it in the end
	scripts/dist

queries: ## Describe the SQL queries anew, after changing one or a migration
	scripts/prepare-queries

clean:
	cargo clean
	rm -rf .venv

.venv/ready: $(REQUIREMENTS)
	@python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or newer with venv is needed (on Debian, scripts/install-test-tools brings it)" >&2; exit 1; }
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement $(REQUIREMENTS)
	touch $@
