# `make demo` colours the sample photographs, or yours: make demo PHOTO=path
# `make test` checks everything, but for what takes minutes: that is `make test-slow`. All set up
# what they need, in .venv. `make lowest` tries the oldest packages that pyproject.toml allows, and
# `make newest` the newest there are, on any Python: make newest PYTHON=python3.13. `make dist`
# builds what is published, `make site` the documentation, and `make pictures` its pictures.

PYTHON ?= python3
PHOTO ?= samples
export PHOTO  # by the environment, so that a name may hold spaces and quotes
BIN := .venv/bin
PYTEST := bin/pytest --numprocesses 2 --dist loadscope
# Without torch, Ray and the page, whose tests are skipped there.
FEW := fsspec httpx hypothesis onnx pytest pytest-xdist scikit-image
FEW_TESTS := -m "not slow" $(addprefix --ignore tests/,evaluation report training web)

# Other processors sum in another order, and round the last bit otherwise. So what computes is
# tested again with the instructions of 2008, which all of them have.
OLDER := OPENBLAS_CORETYPE=Nehalem ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default \
  MKL_CBWR=COMPATIBLE OPENCV_CPU_DISABLE=AVX,FP16,AVX2,AVX512-SKX \
  NPY_DISABLE_CPU_FEATURES='X86_V3 X86_V4 AVX512_ICL AVX512_SPR' OMP_NUM_THREADS=1
COMPUTE := $(wildcard $(addprefix tests/,test_color.py image/test_tone.py inference \
  evaluation/test_metrics.py training/test_degrade.py training/test_heads.py training/test_losses.py \
  training/test_models.py))

.PHONY: demo test test-slow lowest newest dist site pictures clean

demo: .venv/demo
	@rm -f demo/sheet.jpg
	@status=0; \
	$(BIN)/photochrom colorize "$$PHOTO" --out demo --recolor --force || status=$$?; \
	$(BIN)/photochrom sheet "$$PHOTO" --out demo/sheet.jpg --force || status=$$?; \
	if test -e demo/sheet.jpg; then echo "Before and after, side by side: demo/sheet.jpg"; fi; \
	exit $$status

test: .venv/test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	.venv/$(PYTEST) -m "not slow" --cov --durations=10
	$(OLDER) .venv/$(PYTEST) -m "not slow" $(COMPUTE)

test-slow: .venv/test
	.venv/$(PYTEST) -m slow --durations=10

lowest: .venv-lowest/test
	.venv-lowest/$(PYTEST) $(FEW_TESTS)

newest:
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/pip install --quiet --upgrade --editable '.[heif,video]' $(FEW)
	.venv-newest/$(PYTEST) $(FEW_TESTS)

dist: .venv/test
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/python .ci/check_dist.py dist

site: .venv/test
	$(BIN)/mkdocs build --strict

# After the bundled weights have changed. Those of the page need Chromium; graphs come from
# `photochrom evaluate --figures`.
pictures: PICTURES := docs/images
pictures: .venv/test
	$(BIN)/photochrom sheet samples/camera.jpg --height 400 --out $(PICTURES)/camera.jpg --force
	$(BIN)/photochrom colorize samples/coffee.jpg --recolor --out $(PICTURES)/coffee-coloured.jpg --force
	$(BIN)/photochrom colorize samples/coffee.jpg --recolor --hints samples/coffee-hints.json \
	  --out $(PICTURES)/coffee-hinted.jpg --force
	$(BIN)/photochrom sheet samples/astronaut.jpg --samples 4 --height 192 \
	  --out $(PICTURES)/astronaut-versions.jpg --force
	$(BIN)/photochrom uncertainty samples/astronaut.jpg --out $(PICTURES)/astronaut-uncertainty.jpg --force
	$(BIN)/python docs/screenshots.py --output $(PICTURES)
	$(BIN)/python benchmarks/video_pictures.py $(PICTURES)

.venv/demo: pyproject.toml requirements/demo.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint requirements/demo.txt --editable .
	touch $@

.venv/test: pyproject.toml requirements/demo.txt requirements/test.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint requirements/demo.txt --constraint requirements/test.txt --editable '.[dev]'
	touch $@ .venv/demo

.venv-lowest/test: pyproject.toml requirements/lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --constraint requirements/lowest.txt --editable '.[heif,video]' $(FEW)
	touch $@

clean:
	rm -rf .venv .venv-lowest .venv-newest demo dist site
