# A convenience only: `make test` is `python3 dev.py test`.
VERBS := demo test lint types cov bench interop gallery schema scripts ci

.PHONY: help $(VERBS)
help:
	@python3 dev.py --help

$(VERBS):
	python3 dev.py $@
