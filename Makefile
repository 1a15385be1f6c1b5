# Every daily verb. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON_IN_VENV := .venv/bin/python
STACK := $(PYTHON_IN_VENV) -m local_stack
# More for pytest: make test ARGS="-k paste -x"
ARGS ?=
# Three at a time, though two cores do: the tests with a browser, and those with processes of their own, mostly wait.
SHARED_OUT := -n 3 --dist loadgroup
# Without those, nobody waits: a third process would only collect every test and lay out its database once more.
SHARED_BY_TWO := -n 2 --dist loadgroup

.PHONY: help
help: ## list the verbs
	@echo "make <verb>:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'
	@echo "Ports: make demo PORT=8000 SIMULATOR_PORT=8100 MAIL_PORT=8025 SMTP_PORT=1025"

.PHONY: venv venv-demo browser
venv:
	@sh local_stack/venv.sh dev
venv-demo:
	@sh local_stack/venv.sh demo
browser: venv
	@$(STACK) browser

.PHONY: demo demo-code demo-metrics demo-reset
demo: venv-demo ## run it all on this machine: site, worker, PostgreSQL, Redis, a local Stripe, a mail catcher
	@exec $(STACK) demo
demo-code: venv-demo ## the six-digit sign-in code of the demo's ops user, now
	@$(STACK) demo-code
demo-metrics: venv-demo ## what the running demo's /metrics tells a collector, asked with its token
	@$(STACK) demo-metrics
demo-reset: venv-demo ## forget the demo's data (it must not be running)
	@$(STACK) demo-reset

.PHONY: test test-fast check format
test: venv browser ## every test, with a real browser and real processes
	@exec $(PYTHON_IN_VENV) -m pytest $(SHARED_OUT) $(ARGS)
test-fast: venv ## every test that needs no browser and no process of its own
	@exec $(PYTHON_IN_VENV) -m pytest $(SHARED_BY_TWO) -m "not browser and not processes" $(ARGS)
check: venv browser ## lint, formatting, types, imports, templates, migrations, deployment, then every test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(STACK) run-as test .venv/bin/mypy .
	.venv/bin/lint-imports
	$(PYTHON_IN_VENV) -m tests.house.reveals
	.venv/bin/djlint --quiet --lint templates
	$(STACK) run-as test $(PYTHON_IN_VENV) manage.py makemigrations --check --dry-run
	$(STACK) run-as production $(PYTHON_IN_VENV) manage.py check --deploy --fail-level WARNING
	$(STACK) run-as production $(PYTHON_IN_VENV) manage.py stripe_app check
	$(PYTHON_IN_VENV) -m pytest $(SHARED_OUT) $(ARGS)
format: venv ## put the code in order
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: required-permissions
# make itself ends with 2 whatever is wrong: a CI that wants to tell 1 from 2 runs the command itself.
required-permissions: venv ## which Stripe permissions code needs (ARGS="path --strict"); what was found says why it fails
	@$(PYTHON_IN_VENV) -m stripe_keys.required_permissions $(ARGS)

.PHONY: stripe-app-check
stripe-app-check: venv ## type-check and render the Stripe App's settings view, with a Node.js of its own
	@sh stripe_app/check.sh

.PHONY: restore-drill
restore-drill: venv ## dump a database, erase, restore it here, and prove that what was erased stays erased
	$(PYTHON_IN_VENV) -m pytest tests/journeys/test_a_restore.py $(ARGS)

.PHONY: test-alpha-sdk
test-alpha-sdk: venv ## Stripe's alpha library, which has the key endpoint, against the local Stripe (a part of `make test`)
	$(PYTHON_IN_VENV) -m pytest tests/stripe_simulator/test_alpha_sdk.py $(ARGS)
	.venv/bin/mypy --strict --config-file= --cache-dir .local/alpha-sdk-types --python-executable .local/alpha-sdk/bin/python \
		tests/stripe_simulator/alpha_sdk

.PHONY: drills
drills: venv ## break everything while keys are checked and events arrive, and count what became of them
	$(PYTHON_IN_VENV) -m pytest tests/drills -o python_files='drill_*.py' -o python_functions='drill_*' -p no:randomly $(ARGS)

.PHONY: bench-vault
bench-vault: venv ## what the vault's encryption costs, and a rotation of 100,000 data keys under fire (ARGS=--quick)
	@exec $(PYTHON_IN_VENV) -m bench.vault $(ARGS)

.PHONY: bench-validation
bench-validation: venv ## how fast, how soon and how fairly keys are checked, beside bare calls of the SDK (ARGS=--quick)
	@exec $(PYTHON_IN_VENV) -m bench.validation $(ARGS)

.PHONY: bench-webhooks
bench-webhooks: venv ## how many events a second are taken in, beside a bare view, dj-stripe and PostgreSQL (ARGS=--quick)
	@exec $(PYTHON_IN_VENV) -m bench.webhooks $(ARGS)

.PHONY: screenshots shell psql demo-manage
screenshots: venv browser ## make the pictures of the README anew
	$(PYTHON_IN_VENV) -m tests.browser.screenshots
shell: venv-demo ## a Django shell in the running demo
	@exec $(STACK) run-as demo $(PYTHON_IN_VENV) manage.py shell
demo-manage: venv-demo ## a command of the site in the running demo (ARGS="reconcile --dry-run")
	@$(STACK) run-as demo $(PYTHON_IN_VENV) manage.py $(ARGS)
psql: venv-demo ## a PostgreSQL prompt in the running demo
	@exec $(STACK) psql

.PHONY: compose-env
compose-env: venv-demo ## write .env with random secrets for `docker compose --profile demo up`
	@$(STACK) compose-env

.PHONY: lock
LOCK_ALONE := .venv/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
LOCK := $(LOCK_ALONE) pyproject.toml
# The versions in a file, but for Stripe's library.
PINNED_BUT_STRIPE := sed -n '/^stripe==/!s/^\([A-Za-z0-9._-]*==[^\\]*\).*/\1/p'
lock: venv ## write the pins anew from pyproject.toml (UPGRADE=1: newest versions)
	$(LOCK) -o requirements/base.txt
	$(LOCK) --extra aws-kms --extra vault-transit -c requirements/base.txt -o requirements/key-services.txt
	$(LOCK) --extra demo -c requirements/base.txt -o requirements/demo.txt
	$(LOCK) --extra demo --extra aws-kms --extra vault-transit --extra dev -c requirements/demo.txt -o requirements/dev.txt
	$(PINNED_BUT_STRIPE) requirements/base.txt | $(LOCK) -c - --override requirements/bench-djstripe.in requirements/bench-djstripe.in \
		-o requirements/bench-djstripe.txt
	$(PINNED_BUT_STRIPE) requirements/dev.txt | $(LOCK_ALONE) -c - requirements/alpha-sdk.in -o requirements/alpha-sdk.txt
	$(LOCK_ALONE) requirements/node.in -o requirements/node.txt
	@sh stripe_app/check.sh lock
